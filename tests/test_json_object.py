"""What anybody may send as JSON is read only where it can be calculated with, stored and sent on."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.errors import WireError
from reedmesh.json_object import DEEPEST, read_json

MOST = 4096
LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    LEAVES | st.text(max_size=20, alphabet=st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=5, alphabet=st.characters(exclude_categories=["Cs"])), VALUES, max_size=5))
def test_every_table_of_ours_is_read_as_it_was(table: dict[str, object]) -> None:
    for plain in (True, False):
        payload = json.dumps(table, ensure_ascii=plain).encode()
        assert len(payload) > MOST or read_json(payload, MOST) == table


@pytest.mark.parametrize(
    "payload",
    [
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 400 + b"}",
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": "\xed\xa0\x80"}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": ' + b"[" * DEEPEST + b"]" * DEEPEST + b"}",
        b'{"a": ' + b"[" * 3000,
        b"[1]",
        b"",
        b'{"a": 1',
    ],
)
def test_what_would_trip_a_program_later_is_refused_where_it_is_read(payload: bytes) -> None:
    with pytest.raises(WireError):
        read_json(payload, MOST)


def test_brackets_in_strings_nest_nothing() -> None:
    said = {"a": "[" * 1000 + '"' + "{" * 1000, "b": [{"boot": i} for i in range(100)]}
    assert read_json(json.dumps(said).encode(), MOST) == said


@given(st.binary(max_size=200))
def test_junk_is_refused_in_a_line(payload: bytes) -> None:
    for each in (payload, b'{"a": ' + payload + b"}"):
        try:
            found = read_json(each, MOST)
        except WireError as fault:
            assert len(str(fault)) < 200
        else:
            json.dumps(found, allow_nan=False).encode()
