"""An alert of a machine of which few windows were learnt asks whether it is a state that they did not show."""

import numpy as np
import pytest

from reedmesh.alerts.alert import Change
from reedmesh.config.settings import AlertRule
from reedmesh.inference.family import find_family, load_family
from reedmesh.inference.model import Model
from reedmesh.learning import summed
from reedmesh.protocol.wire import Window
from reedmesh.readings.line import Line
from tests.support.machines import windows

FAMILY = load_family(find_family("vibration"))


@pytest.mark.parametrize(("count", "asks"), [(60, True), (120, False)])
def test_an_alert_asks_where_few_windows_were_learnt(count: int, asks: bool) -> None:
    sensor = Line(FAMILY.recipe.length, 10, AlertRule(), 1).sensor("fan")
    sensor.family = FAMILY
    normal = windows(FAMILY.recipe, count=count)
    sensor.adopt(Model(summed.candidate(FAMILY, normal, []).model), 1)
    changes = [sensor.take(Window(bytes([100] * FAMILY.recipe.length), 1, n), float(n))[1] for n in range(10)]
    (raised,) = [each for each in changes if each and each.type == "new"]
    assert ("learnt from 60 windows" in raised.text) is asks


def shifted(clipped: int = 0) -> list[Change]:
    """The changes that a machine raises whose every feature is a little off, after normal windows."""
    sensor = Line(FAMILY.recipe.length, 10, AlertRule(), 1).sensor("fan")
    model = Model(summed.candidate(FAMILY, windows(FAMILY.recipe, count=240), []).model)
    assert model.learnt and model.learnt.shift >= model.threshold
    sensor.adopt(model, 1)
    normal = windows(FAMILY.recipe, gain=1.0001, count=120)
    off = np.clip(normal + model.normal()[1].round() * 0.8, -128, 127).astype(np.int8)
    assert (model.scores(off) < model.threshold).mean() > 0.9
    changes = []
    for number, row in enumerate([*normal, *off[:60]]):
        window = Window(row.tobytes(), 1, number)
        window.clipped = clipped
        changes.append(sensor.take(window, float(number))[1])
    assert not any(changes[:120])
    return [each for each in changes if each and each.type == "new"]


def test_a_machine_that_shifted_raises_an_alert_that_says_so() -> None:
    """Each window is below the threshold, the mean of sixteen is not."""
    (raised,) = shifted()
    assert raised.text == "the mean of the last windows shifted" and raised.alert.worst >= raised.alert.limit


def test_clipped_windows_which_are_not_learnt_are_no_shift() -> None:
    assert shifted(clipped=3) == []
