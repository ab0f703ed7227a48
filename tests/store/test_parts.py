"""Parts: what is kept of them, and how many there were."""

from reedmesh.store import parts
from reedmesh.store.parts import PartRow
from reedmesh.store.store import Store

DAY = 86400.0


def row(number: int, at: float, verdict: str = "OK", fault: str = "", part: str = "", sensor: str = "press") -> PartRow:
    return PartRow(sensor, 1, number, at, part, b"", verdict, fault, 0, 0)


def test_parts_that_are_not_kept_any_more_stay_counted() -> None:
    with Store() as store:
        many = parts.KEPT + 500
        store.parts.write(
            [row(i, DAY + i, "NOK" if i % 10 == 0 else "OK", "crack" if i % 10 == 0 else "") for i in range(many)]
        )
        store.parts.write([row(0, DAY, sensor="weld")])
        assert store.parts.counts()["press"] < many
        told = {(verdict, fault): count for verdict, fault, count in store.parts.made("press", DAY, 2 * DAY)}
        assert told == {("OK", ""): many * 9 // 10, ("NOK", "crack"): many // 10}


def test_a_part_of_which_more_is_known_counts_once() -> None:
    with Store() as store:
        store.parts.write([row(1, DAY)])
        store.parts.write([row(1, DAY, part="A-1"), row(1, DAY, part="A-2")])
        assert store.parts.made("press", 0, 2 * DAY) == [("OK", "", 1)]
        assert [each.part for each in store.parts.newest("press", 9)] == ["A-2"]


def test_a_shift_has_the_quarters_of_an_hour_that_begin_in_it() -> None:
    with Store() as store:
        store.parts.write([row(i, DAY + 900 * i) for i in range(8)])
        assert store.parts.made("press", DAY + 900, DAY + 3600) == [("OK", "", 3)]


def test_counts_end_after_forty_days_and_with_their_sensor() -> None:
    with Store() as store:
        store.parts.write([row(1, DAY), row(2, 20 * DAY)])
        store.parts.write([row(3, 45 * DAY)])
        assert store.parts.made("press", 0, 99 * DAY) == [("OK", "", 2)]
        store.parts.forget("press")
        assert store.parts.made("press", 0, 99 * DAY) == [] and store.parts.counts() == {}
