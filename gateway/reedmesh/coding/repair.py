"""Repair requests of receivers, and how a sender merges them, so that no receiver makes it send endlessly. Pure.

A receiver writes to its own broker only, below its own `update/<family>/`, which its neighbours read:

    request/<to>/need       {"to": "hall1", "bundle": <16 digits>, "need": {"<block>": <shards>}, "received", "lost"}
    request/<to>/snapshot   {"to": "hall1"}

`<to>` is the addressee, so that nobody else hears it; in a sealed federation it is a pseudonym. `need` says how many
more shards, whichever, and `received` and `lost` what was seen since the last such message; an empty `need` says that
the payload is complete.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reedmesh.errors import WireError
from reedmesh.protocol.shards import INDICES, MAX_BLOCKS, Shape

MOST_BLOCKS = 128  # that one message names: keeps it below 4 KiB
ROUNDS = 2  # times all indices of a block, that one receiver may have of a bundle


@dataclass(frozen=True)
class RepairRequest:
    """`need`: shards by block. bundle: 8 bytes. received, lost: shards seen and missed since the last report."""

    to: str
    family: str
    bundle: bytes
    need: Mapping[int, int] = field(default_factory=dict)
    received: int = 0
    lost: int = 0

    def table(self) -> dict[str, Any]:
        """The request as a JSON object, with the first 128 blocks."""
        need = {str(block): count for block, count in list(self.need.items())[:MOST_BLOCKS]}
        bundle = self.bundle.hex()
        return {"to": self.to, "bundle": bundle, "need": need, "received": self.received, "lost": self.lost}


@dataclass(frozen=True)
class SnapshotRequest:
    """Something was missed: send a payload that stands alone."""

    to: str
    family: str

    def table(self) -> dict[str, Any]:
        """The request as a JSON object."""
        return {"to": self.to}


Request = RepairRequest | SnapshotRequest


def read(verb: str, family: str, table: Mapping[str, Any]) -> Request:
    """The request in the JSON object `table`; raises WireError for a wrong type, range or number of blocks."""
    to = table.get("to")
    if not isinstance(to, str):
        raise WireError('request: no "to"')
    if verb == "snapshot":
        return SnapshotRequest(to, family)
    if verb != "need":
        raise WireError(f"request/{verb:.20}: need and snapshot are known")
    counts = [_count(table.get(key, 0), key, MAX_BLOCKS * INDICES) for key in ("received", "lost")]
    return RepairRequest(to, family, _bundle(table.get("bundle")), _need(table.get("need")), *counts)


class PendingRepairs:
    """Shards of one bundle that are still to be sent, because receivers asked for them.

    Asked for by several at once, a shard is sent once: each can use it. So the most that anyone needs is what is sent.
    merge: seconds from the first request to the answer, for others to be heard.
    """

    def __init__(self, shape: Shape, merge: float) -> None:
        self._shape = shape
        self._merge = merge
        self._wanted: dict[int, int] = {}
        self._since = 0.0
        self._granted: dict[str, int] = {}  # shards each receiver has had on request

    def ask(self, receiver: str, need: Mapping[int, int], now: float) -> None:
        """Note a request of `receiver`: shards by block. now: seconds.

        Raises WireError for a block that does not exist, or more shards than one receiver may have.
        """
        if any(block >= self._shape.blocks for block in need):
            raise WireError(f"{receiver} needs block {max(need)} of {self._shape.blocks}")
        granted = self._granted.get(receiver, 0) + sum(need.values())
        if granted > ROUNDS * INDICES * self._shape.blocks:
            raise WireError(f"{receiver} has had {ROUNDS} times the bundle on request, and will get no more of it")
        self._granted[receiver] = granted
        if not self._wanted:
            self._since = now
        for block, count in need.items():
            self._wanted[block] = max(count, self._wanted.get(block, 0))

    def due(self, now: float) -> dict[int, int]:
        """Shards to send now, by block, after which they are no longer due. now: seconds."""
        if not self._wanted or now < self._since + self._merge:
            return {}
        wanted, self._wanted = self._wanted, {}
        return wanted


def _bundle(text: object) -> bytes:
    try:
        bundle = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        bundle = b""
    if len(bundle) != 8:
        raise WireError("request: bundle is not 16 hexadecimal digits")
    return bundle


def _need(table: object) -> dict[int, int]:
    if not isinstance(table, dict) or len(table) > MOST_BLOCKS:
        raise WireError(f"request: need is no table of at most {MOST_BLOCKS} blocks")
    return {_block(block): _count(count, "need", INDICES) for block, count in table.items()}


def _block(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5):
        raise WireError("request: need has a block that is no number")
    return int(text)


def _count(value: object, key: str, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise WireError(f"request: {key} is not a number from 0 to {most}")
    return value
