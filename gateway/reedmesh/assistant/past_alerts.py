"""All alerts of a time, from a gateway that gives so many in one answer, newest first."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

PAGE = 200  # alerts in one answer
MOST = 5000  # of one time: what is more is left out, and whoever asked says so

Table = dict[str, Any]
AskPage = Callable[[float], Awaitable[Sequence[Table]]]  # those that began at that time at the latest


async def every(ask: AskPage, until: float, most: int = MOST) -> list[Table]:
    """The newest `most` of them, each once; until: s since 1970."""
    found: dict[str, Table] = {}
    while len(found) < most:
        page = await ask(until)
        fresh = {str(each.get("id")): each for each in page if str(each.get("id")) not in found}
        found |= fresh
        begun = [each["since"] for each in fresh.values() if isinstance(each.get("since"), int | float)]
        if len(page) < PAGE or not begun:
            break
        until = min(begun)
    return list(found.values())[:most]
