"""The arguments of a request, read one by one and checked; a wrong one is refused by its name. Pure."""

from collections.abc import Mapping
from typing import Any

from reedmesh.errors import RefusedError

LONGEST_NAME = 64  # characters of who does something
LONGEST_TEXT = 500  # characters of a comment


class Arguments:
    """Of one request; every method raises RefusedError, naming the argument."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._table = table

    def text(self, key: str, most: int = LONGEST_TEXT) -> str:
        """A text of at most `most` characters; "" when there is none."""
        value = self._table.get(key, "")
        if not isinstance(value, str) or len(value) > most or not value.isprintable():
            raise RefusedError(f"{key}: a printable text of at most {most} characters")
        return value.strip()

    def lines(self, key: str, most: int) -> str:
        """A text of several lines, of at most `most` characters of ASCII; "" when there is none."""
        value = self._table.get(key, "")
        if not isinstance(value, str) or len(value) > most or not value.isascii():
            raise RefusedError(f"{key}: a text of at most {most} characters of ASCII")
        return value

    def some_text(self, key: str, most: int = LONGEST_TEXT) -> str:
        """As `text`, and it must be there."""
        if not (value := self.text(key, most)):
            raise RefusedError(f"{key}: must be given")
        return value

    def who(self) -> str:
        """The person who asks: every action needs a name."""
        return self.some_text("by", LONGEST_NAME)

    def tables(self, key: str, most: int) -> "list[Arguments]":
        """A list of at most `most` tables; [] when there is none."""
        value = self._table.get(key, [])
        if not isinstance(value, list) or len(value) > most or not all(isinstance(each, dict) for each in value):
            raise RefusedError(f"{key}: a list of at most {most} objects")
        return [Arguments(each) for each in value]

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """A number from `low` to `high`; without a default it must be there."""
        value = self._table.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise RefusedError(f"{key}: a number from {low:g} to {high:g}")
        return value
