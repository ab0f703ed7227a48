"""The line numbers of keys in a TOML file, which tomllib does not give: a fault names its line."""

import re
from collections.abc import Mapping

_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"""^\s*("[^"]*"|'[^']*'|[A-Za-z0-9_.-]+)\s*=""")
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")


def lines(text: str) -> dict[str, int]:
    """The line number, from 1, of each key by its full name, such as `broker.port` or `serial[0].baud`.

    A table counts as its header. Keys of inline tables, and texts of several lines, are left out.

    >>> lines('[broker]\\nport = 1')
    {'broker': 1, 'broker.port': 2}
    """
    found: dict[str, int] = {}
    prefix, arrays = "", dict[str, int]()
    for number, line in enumerate(text.splitlines(), 1):
        if table := _TABLE.match(line):
            name = _plain(table[2])
            if table[1] == "[[":
                arrays[name] = arrays.get(name, -1) + 1
                name = f"{name}[{arrays[name]}]"
            found.setdefault(name, number)
            prefix = f"{name}."
        elif key := _KEY.match(line):
            found.setdefault(prefix + _plain(key[1]), number)
    return found


def of_fault(fault: str, known: Mapping[str, int]) -> int | None:
    """The line number of a fault: that of the first key in quotes, or of the table that the key would be in."""
    match = re.search(r'"([^"]+)"', fault)
    key = match[1] if match else ""
    while key and key not in known:
        key = key.rpartition(".")[0] if "." in key else key.rpartition("[")[0]
    return known.get(key)


def twice(reason: str, text: str) -> str | None:
    """The sentence for a key or table that a file has twice, with both line numbers; None for another fault of
    tomllib.
    """
    at = _AT_LINE.search(reason)
    if not at or not reason.startswith(("Cannot overwrite", "Cannot declare", "Cannot mutate")):
        return None
    number = int(at[1])
    before, after = text.splitlines()[: number - 1], text.splitlines()[:number]
    line = after[-1]
    match = _TABLE.match(line) or _KEY.match(line)
    name = _plain(match[match.lastindex or 1]) if match else line.strip()
    earlier = [i for i, each in enumerate(before, 1) if (m := _TABLE.match(each) or _KEY.match(each))
               and _plain(m[m.lastindex or 1]) == name]  # fmt: skip
    first = f", first on line {earlier[-1]}" if earlier else ""
    return f'"{name}" stands there twice: again on line {number}{first}'


def _plain(name: str) -> str:
    return name.strip().strip("\"'")
