"""What a shift hands over: overlapping alerts count once in the time, and nothing outside of it counts."""

from hypothesis import given
from hypothesis import strategies as st

from reedmesh.dashboard.model.handover import shift
from reedmesh.dashboard.model.maintenance import Maintenance, maintenance
from reedmesh.dashboard.model.view import Alert
from reedmesh.dashboard.pages.handover import html
from reedmesh.dashboard.ui.language import CODES, Language


def alert(sensor: str, since: float, until: float | None, **more: str) -> tuple[str, Alert]:
    state = "new" if until is None else "cleared"
    return "gw", Alert(f"{sensor}-{since}", sensor, state, since, 2.0, until=until, **more)  # type: ignore[arg-type]


def test_alerts_by_cause_time_in_alert_and_who_acknowledged() -> None:
    told = [
        alert("press", 50.0, 150.0, by="Ana", verdict="fault", cause="bearing"),
        alert("press", 120.0, 160.0, by="Rui", cause="bearing"),
        alert("saw", 190.0, None),
        alert("fan", 0.0, 90.0),
    ]
    it = shift(told, [("gw", "saw", 150.0), ("gw", "saw", 10.0)], 100.0, 200.0)
    assert it.causes == (("bearing", 2), ("anomaly", 1)) and it.seconds == 70.0
    press, saw = it.sensors
    assert (press.sensor, press.alerts, press.seconds, press.still_open, press.by) == (
        "press",
        2,
        60.0,
        0,
        ("Ana", "Rui"),
    )
    assert (saw.sensor, saw.seconds, saw.still_open, saw.models) == ("saw", 10.0, 1, 1)


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0, 100)), max_size=20))
def test_a_sensor_is_never_longer_in_alert_than_the_shift(spans: list[tuple[float, float]]) -> None:
    it = shift([alert("press", since, since + lasted) for since, lasted in spans], [], 100.0, 200.0)
    assert 0.0 <= it.seconds <= 100.0


def test_the_report_is_a_page_in_which_nothing_of_a_broker_is_markup() -> None:
    for code in CODES:
        it = shift([alert("<b>press", 50.0, 150.0, cause="<script>")], [], 0.0, 200.0)
        page = html(it, Language(code))
        assert page.startswith("<!doctype html>") and f'lang="{code}"' in page
        assert "<b>press" not in page and "<script>" not in page and "&lt;script&gt;" in page
        assert Language(code)("handover.nothing") in html(shift([], [], 0.0, 1.0), Language(code))


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["axes", "trend", "line", "days"]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["axes", "mm_s", "zone", "limits", "marks", "trend", "rpm"]), json_values))
def test_no_answer_breaks_the_maintenance_view(answer: dict[str, object]) -> None:
    assert isinstance(maintenance(answer), Maintenance)


def test_what_a_gateway_says_of_maintenance_is_read() -> None:
    axis = {"axis": 0, "mm_s": 2.0, "least": 1.8, "most": 2.2, "first": 10.0, "last": 100.0}
    line = {"slope": -0.1, "half_width": 0.02, "now": 1.0, "days": None, "soonest": None, "latest": None}
    said = {"axes": [axis], "mm_s": 2.0, "zone": "B", "class": "II", "limits": [1.12, 2.8, 7.1], "lsb_per_g": 4096}
    found = maintenance(said | {"marks": [{"name": "1x", "hz": 25}], "trend": {"days": [[86400, 2]], "line": line}})
    assert (found.zone, found.axes[0].most, found.marks) == ("B", 2.2, (("1x", 25.0),))
    assert (found.trend.slope, found.trend.until, found.trend.days) == (-0.1, None, ((86400.0, 2.0),))
