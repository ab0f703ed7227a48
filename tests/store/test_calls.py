"""Calls outlive a restart; windows of known faults outlive the windows they are copies of."""

from pathlib import Path

from reedmesh.alerts.escalation import ENDED, Call
from reedmesh.store.calls import MOST_FAULT_WINDOWS, Entry
from reedmesh.store.store import Store

CALL = Call("press-1", "first", 2, 10.0, 10.0)


def test_calls_and_their_journal_outlive_a_restart(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.calls.save([CALL, Call("saw-1", "second", 1, 20.0, 5.0, ENDED, True)])
        store.calls.save([], [CALL], [Entry("press-1", 30.0, "called", "first contact: it ended: delivered")])
    with Store(tmp_path) as store:
        assert store.calls.all() == [Call("saw-1", "second", 1, 20.0, 5.0, ENDED, True)]
        assert [each["what"] for each in store.history.journal("press-1")] == ["called"]


def test_windows_of_a_known_fault_stay_when_they_age_out_and_go_when_it_was_none() -> None:
    with Store(keep_windows=100) as store:
        store.windows.write([("press", float(i), bytes([i]), 50 if 20 <= i < 90 else 1) for i in range(100)])
        assert store.faults.keep("press-1", "press", 10.0, 95.0, 10) <= MOST_FAULT_WINDOWS
        store.windows.write([("saw", 200.0 + i, b"s", 1) for i in range(300)])
        known = store.faults.of("press")
        assert known and all(20 <= each[0] < 90 for each in known) and store.faults.of("saw") == []
        assert store.faults.of("press", 5) == known[-5:]
        store.sensors.save_relearning("press", 500.0)  # it was moved: that fault was another mounting's
        assert store.faults.of("press") == []
        store.faults.forget("press-1")
