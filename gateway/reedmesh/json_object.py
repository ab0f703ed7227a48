"""A JSON object from bytes that anybody may have sent. Pure."""

import json
from typing import Any

from reedmesh.protocol.wire import WireError


def read_json(payload: bytes, most: int) -> dict[str, Any]:
    """The JSON object in a payload of at most `most` bytes; raises WireError."""
    if len(payload) > most:
        raise WireError(f"{len(payload)} bytes of JSON, at most {most} are read")
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError) as fault:
        raise WireError(f"not JSON: {fault}") from fault
    if not isinstance(value, dict):
        raise WireError("JSON, but no object")
    return value
