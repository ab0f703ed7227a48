"""The hello of a sensor, read defensively: a field with a wrong value counts as missing. Pure."""

from collections.abc import Mapping
from typing import Any

from reedmesh.protocol.offer_frame import MODEL_SHARD

SHORTEST_SHARD = 64  # bytes: shorter ones are mostly header
MOST_ROOM = 1 << 17  # bytes of a block
MOST_HZ = 1e6  # no sensor samples faster
MOST_SAMPLES = 1e9  # readings of a window
MOST_PACE = 86400.0  # seconds from one window to the next, at most


def hz(hello: Mapping[str, Any]) -> float:
    """Return readings a second, as measured on the sensor or else as it was set; 0.0 when the hello has neither."""
    set_to = hello.get("sensor")
    said = hello.get("measured_hz") or (set_to.get("rate_hz") if isinstance(set_to, dict) else 0)
    return float(said) if isinstance(said, int | float) and 0 < said < MOST_HZ else 0.0


def pace(hello: Mapping[str, Any]) -> float:
    """Return seconds from one window to the next, at most MOST_PACE; 0.0 when the hello does not say."""
    said = hello.get("features")
    recipe = said if isinstance(said, dict) else {}
    hop = recipe.get("hop", recipe.get("samples"))
    if not isinstance(hop, int | float) or not 0 < hop < MOST_SAMPLES or not hz(hello):
        return 0.0
    return min(MOST_PACE, hop / hz(hello))


def channels(hello: Mapping[str, Any]) -> list[str]:
    """Return the names of the axes, as the settings of the sensor have them; [] unless all are named."""
    set_to = hello.get("sensor")
    told = set_to.get("channels") if isinstance(set_to, dict) else None
    names = [each.get("name") for each in told if isinstance(each, dict)] if isinstance(told, list) else []
    return [str(name)[:32] for name in names] if all(isinstance(name, str) for name in names) else []


def longest_shard(hello: Mapping[str, Any]) -> int:
    """Return the bytes of the shards in which the sensor takes a model: fewer on a wire."""
    said = hello.get("shard")
    if isinstance(said, int) and SHORTEST_SHARD <= said <= MODEL_SHARD and said % 4 == 0:
        return said
    return MODEL_SHARD


def room(hello: Mapping[str, Any]) -> int:
    """Return the bytes of a block that the sensor can decode, MODEL_SHARD to MOST_ROOM."""
    said = hello.get("room")
    return said if isinstance(said, int) and MODEL_SHARD <= said <= MOST_ROOM else MODEL_SHARD
