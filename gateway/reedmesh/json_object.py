"""A JSON object from bytes that anybody may have sent: of bounded size and depth, every number finite. Pure."""

import json
import math
import re
from typing import Any

from reedmesh.protocol.wire import WireError

DEEPEST = 32  # levels; what nests more cannot be written again by a program that is some calls deep itself
MOST_DIGITS = 20  # of a whole number: 2**64 has as many
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)


def read_json(payload: bytes, most: int) -> dict[str, Any]:
    """The JSON object in a payload of at most `most` bytes; raises WireError.

    Numbers are finite and whole ones have at most MOST_DIGITS digits; text can be encoded. So what is read can be
    calculated with, stored and sent on.
    """
    if len(payload) > most:
        raise WireError(f"{len(payload)} bytes of JSON, at most {most} are read")
    if _depth(payload) > DEEPEST:
        raise WireError(f"JSON of more than {DEEPEST} levels")
    try:
        value = json.loads(payload.decode(), parse_float=_float, parse_int=_int, parse_constant=_constant)
        if b"\\u" in payload:
            json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate is no character
    except (ValueError, RecursionError) as fault:
        raise WireError(f"not JSON: {str(fault)[:100]}") from fault
    if not isinstance(value, dict):
        raise WireError("JSON, but no object")
    return value


def _depth(payload: bytes) -> int:
    """Levels of objects and lists in each other, outside of strings."""
    if payload.count(b"[") + payload.count(b"{") <= DEEPEST:
        return 0
    deepest = depth = 0
    for byte in _STRING.sub(b"", payload):
        depth += (byte in b"[{") - (byte in b"]}")
        deepest = max(deepest, depth)
    return deepest


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text:.20} is beyond all numbers")
    return value


def _int(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a whole number of {len(text)} digits, {MOST_DIGITS} are the most")
    return int(text)


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no number")
