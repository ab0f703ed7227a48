"""Requests: read back as written, junk is refused, several become one answer, and nobody is answered without end."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.coding.repair import MOST_BLOCKS, ROUNDS, PendingRepairs, RepairRequest, SnapshotRequest, read
from reedmesh.errors import WireError
from reedmesh.protocol.shards import Shape

SHAPE = Shape(4, 8, 90)  # three blocks
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=16),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["to", "need", "0", "x"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.integers(0, 65535), st.integers(0, 255), max_size=300), st.integers(0, 9), st.integers(0, 9))
def test_what_is_written_is_read_back_and_short(need: dict[int, int], received: int, lost: int) -> None:
    said = RepairRequest("hall1", "vibration", bytes(range(8)), need, received, lost)
    text = json.dumps(said.table())
    assert len(text) < 4096
    back = read("need", "vibration", json.loads(text))
    assert isinstance(back, RepairRequest)
    assert back.need == dict(list(need.items())[:MOST_BLOCKS])
    assert (back.to, back.bundle, back.received, back.lost) == ("hall1", said.bundle, received, lost)
    assert read("snapshot", "v", SnapshotRequest("hall1", "v").table()) == SnapshotRequest("hall1", "v")


@given(
    st.sampled_from(["need", "snapshot", "x"]),
    st.dictionaries(st.sampled_from(list(RepairRequest("", "", b"").table())), JSON),
)
def test_any_table_is_a_request_or_refused(verb: str, table: dict[str, object]) -> None:
    with suppress(WireError):
        assert isinstance(read(verb, "vibration", table), RepairRequest | SnapshotRequest)


@pytest.mark.parametrize(
    "change",
    [
        {"to": 1},
        {"bundle": "00"},
        {"bundle": "zz" * 8},
        {"need": []},
        {"need": {"-1": 1}},
        {"need": {"²": 1}},
        {"need": {"0": 256}},
        {"need": {"0": True}},
        {"need": {str(i): 1 for i in range(MOST_BLOCKS + 1)}},
        {"lost": -1},
        {"received": 1e3},
    ],
)
def test_junk_is_refused(change: dict[str, object]) -> None:
    table = RepairRequest("hall1", "vibration", bytes(8)).table()
    read("need", "vibration", table)
    with pytest.raises(WireError):
        read("need", "vibration", table | change)


def test_several_requests_become_one_answer() -> None:
    answers = PendingRepairs(SHAPE, merge=1.0)
    answers.ask("a", {0: 3, 1: 1}, 10.0)
    answers.ask("b", {0: 2, 2: 5}, 10.9)
    assert answers.due(10.9) == {}
    assert answers.due(11.0) == {0: 3, 1: 1, 2: 5}
    assert answers.due(99.0) == {}


def test_nobody_gets_more_than_their_share_and_a_liar_takes_nothing_from_others() -> None:
    answers = PendingRepairs(SHAPE, merge=0.0)
    for _ in range(ROUNDS):
        answers.ask("liar", {0: 255, 1: 255, 2: 255}, 0.0)
    with pytest.raises(WireError, match="liar has had"):
        answers.ask("liar", {0: 1}, 0.0)
    answers.due(0.0)
    answers.ask("b", {1: 2}, 1.0)
    assert answers.due(1.0) == {1: 2}
    with pytest.raises(WireError, match="block 3 of 3"):
        answers.ask("b", {3: 1}, 1.0)
