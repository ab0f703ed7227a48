"""A machine that stands still is told of and not judged; after a start it is not judged until it has settled."""

from reedmesh.readings.standstill import Standstill

RUNNING, LEVELS, SILENT, NOISE = [20.0, 0.0], [20, 0], [-128, -128], [-100, -81]


def test_standstill_and_the_windows_after_it_are_not_judged() -> None:
    it = Standstill(40.0, 3)
    stopped = [it.look(each, RUNNING) for each in (LEVELS, SILENT, SILENT)]
    assert stopped == [False, True, False] and it.still and not it.judged
    judged = []
    for _ in range(5):
        it.look(LEVELS, RUNNING)
        judged.append(it.judged)
    assert judged == [False, False, False, True, True] and not it.still


def test_all_axes_must_be_quiet() -> None:
    it = Standstill(40.0, 0)
    assert it.is_still(NOISE, RUNNING) and it.is_still([-87, -107], RUNNING)
    assert not it.is_still([-128, 0], RUNNING)
    assert not it.is_still([-40, -60], RUNNING)  # 23 dB less is a fault as well as not
    assert Standstill(20.0, 0).is_still([-40, -60], RUNNING)


def test_what_never_moved_and_what_has_no_spectrum_is_judged() -> None:
    assert not Standstill(40.0, 0).is_still(SILENT, [-128.0, -90.0])
    assert not Standstill(40.0, 0).is_still([], [])
    assert not Standstill(0.0, 0).is_still(SILENT, RUNNING)
