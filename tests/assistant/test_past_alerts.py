"""Alerts of a time come page by page, each once, and no gateway makes it last."""

import asyncio
from typing import Any

import pytest

from reedmesh.assistant.past_alerts import PAGE, every

Table = dict[str, Any]


def gathered(alerts: list[Table], most: int = 5000) -> tuple[list[Table], int]:
    """What is found of a gateway that has these alerts, and how many pages were asked for."""
    asked = []

    async def page(until: float) -> list[Table]:
        asked.append(until)
        return sorted((each for each in alerts if each["since"] <= until), key=lambda each: -each["since"])[:PAGE]

    return asyncio.run(every(page, 1e9, most)), len(asked)


@pytest.mark.parametrize("count", [0, 1, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE + 7])
def test_all_are_found_once_newest_first(count: int) -> None:
    alerts = [{"id": f"a{i}", "since": 1000.0 - i // 3} for i in range(count)]  # three begin at one time
    found, _ = gathered(alerts)
    assert sorted(each["id"] for each in found) == sorted(each["id"] for each in alerts)
    assert [each["since"] for each in found] == sorted((each["since"] for each in found), reverse=True)


def test_no_more_than_wanted_are_fetched() -> None:
    found, pages = gathered([{"id": f"a{i}", "since": float(i)} for i in range(2000)], most=300)
    assert len(found) == 300 and pages == 2


def test_a_gateway_that_says_the_same_again_and_again_ends_it() -> None:
    found, pages = gathered([{"id": f"a{i}", "since": 5.0} for i in range(PAGE + 50)])
    assert len(found) == PAGE and pages == 2
