"""Who tells what another told before is found; the original, honest machines and later news are not."""

from dataclasses import replace

import numpy as np

from reedmesh.inference.family import find_family, load_family
from reedmesh.learning import summed
from reedmesh.learning.aggregate import Peer
from reedmesh.learning.contribution import copies
from reedmesh.learning.covariance import Scatter
from reedmesh.learning.rules import clipped
from reedmesh.learning.told import Told
from tests.support.machines import windows

FAMILY = load_family(find_family("vibration"))


def peer(scale: float = 1.0, count: int = 200) -> Peer:
    return Peer(np.zeros(3, np.float32), count, told=summed.learn(FAMILY, windows(FAMILY.recipe, scale, count)).told)


MILL, SAW = peer(), peer(1.3)


def scaled(it: Peer, times: int) -> Peer:
    assert it.told
    scatter = it.told.scatter
    return replace(it, told=Told(Scatter(scatter.matrix * times, scatter.freedom * times), it.told.scores))


def test_a_copy_is_found_also_when_it_claims_more_windows() -> None:
    known = {"mill": MILL, "saw": SAW}
    assert copies.source("echo", MILL, known) == copies.source("echo", scaled(MILL, 1000), known) == "mill"


def test_honest_machines_are_no_copies() -> None:
    assert copies.source("saw", SAW, {"mill": MILL}) == ""


def test_the_original_stays_one_when_it_says_the_same_again() -> None:
    known = {"mill": MILL, "echo": replace(MILL, copied="mill")}
    assert copies.source("mill", MILL, known) == "" and copies.source("echo", MILL, known) == "mill"


def test_who_then_tells_something_of_its_own_counts_again() -> None:
    assert copies.source("echo", SAW, {"mill": MILL, "echo": replace(MILL, copied="mill")}) == ""


def test_a_copy_is_in_no_model_and_worth_nothing() -> None:
    own = summed.learn(FAMILY, windows(FAMILY.recipe, 1.1, 100)).told
    merged = summed.believed(FAMILY, np.zeros(3, np.float32), own, {"mill": MILL, "echo": replace(MILL, copied="mill")})
    assert list(merged.taken) == ["mill"] and merged.refused == {"echo": "it tells the same as mill"}


def test_equal_weights_count_once() -> None:
    ones = np.ones(4, np.float32)
    known = {"mill": Peer(ones, 10)}
    assert copies.source("echo", Peer(ones * np.float32(1.0001), 10**9), known) == "mill"
    assert copies.source("saw", Peer(ones * np.float32(1.1), 10), known) == ""
    echo = Peer(ones, 10, copied="mill")
    merged = clipped.merge(ones, ones, 10, {"mill": Peer(2 * ones, 10), "echo": echo}, lambda _: 1.0, 1.0)
    assert "echo" not in merged.taken and "echo" not in merged.worth
