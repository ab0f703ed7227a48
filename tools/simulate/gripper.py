"""The fourth story of the line: a gripper whose parts are judged by their own sensor, in milliseconds.

It replays real force and torque of a robot's gripper (recordings/README.md): 20 good operations teach it, good ones
pass, then collisions and obstructions come between them and are rejected. The message that begins a cycle comes from
the line, as a PLC would send it.
"""

import asyncio
import contextlib
import os
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reedmesh.broker import accounts, acl
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol import wire
from reedmesh.protocol.recipe import Cycle
from reedmesh.readings.parts import FIRST
from tools.checkout import ROOT

RECORDING = ROOT / "recordings" / "parts" / "gripper.npz"
NAME = "gripper"
RECIPE = Cycle(15, 6, 5)
PROBLEM = 4  # approach to ungrasp
COUNTS = 64  # for one unit of the recording: the range is five times what OK parts of problems 1 to 4 reach
PACE = 4.0  # parts a second
BETWEEN = 2  # of the operations that fail, one comes after so many
PATIENCE = 1.0  # seconds without a verdict, then the part is triggered again
SECONDS = 0.315  # that an operation's 15 readings last


@dataclass
class Gripper:
    """The station at `gateway`. failing: whether operations fail now. sent: what each part really was, by number."""

    gateway: str
    failing: bool = False
    sent: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with np.load(RECORDING) as data:
            rows = data["problem"] == PROBLEM
            curves, words = data["x"][rows].astype(np.int64) * COUNTS, data["label"][rows]
        limited = np.clip(curves, -32768, 32767).astype("<i2")
        self._good: NDArray[np.int16] = limited[words == "normal"]
        self._bad = list(zip(words[words != "normal"].tolist(), limited[words != "normal"], strict=True))

    def settings(self) -> dict[str, Any]:
        """What is in its config.json beside name, key and broker."""
        sensor = {"driver": "replay", "axes": RECIPE.axes, "rate_hz": RECIPE.samples / SECONDS, "lsb_per_g": COUNTS}
        cycle = {"trigger": {"kind": "message", "bounce_ms": 0}}
        return {"name": NAME, "sensor": sensor, "features": RECIPE.table(), "cycle": cycle}

    async def feed(self, pipe: int, port: int, state: Path) -> None:
        """Make a part PACE times a second, one after the other is judged, until the pipe closes.

        port: of the gateway's broker; state: its folder.
        """
        user, said = acl.PLC, {wire.topic(self.gateway, NAME, "part"): 0}
        link = Link("127.0.0.1", port, "plc", subscriptions=said, login=(user, accounts.derived(state, user)))
        judged = asyncio.Event()
        listening = asyncio.create_task(_listen(link, judged))
        transport, _ = await asyncio.get_running_loop().connect_write_pipe(asyncio.Protocol, os.fdopen(pipe, "wb", 0))
        try:
            for number in count(1):
                transport.write(self._operation(number).tobytes())
                await self._trigger(link, f"G-{number}".encode(), judged)
                await asyncio.sleep(1 / PACE)
        finally:
            listening.cancel()
            transport.close()

    async def _trigger(self, link: Link, part: bytes, judged: asyncio.Event) -> None:
        """Until the station tells of the part: it may still be starting."""
        judged.clear()
        while not judged.is_set():
            await link.publish(Message(wire.topic(self.gateway, NAME, "trigger"), part, 1))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await judged.wait()

    def _operation(self, number: int) -> NDArray[np.int16]:
        """The readings of one operation; the first FIRST recorded good ones come first."""
        if self.failing and number % (BETWEEN + 1) == 0:
            label, curve = self._bad[number // (BETWEEN + 1) % len(self._bad)]
            self.sent[f"G-{number}"] = label
            return curve
        self.sent[f"G-{number}"] = "normal"
        return self._good[(number - 1) % FIRST]


async def _listen(link: Link, judged: asyncio.Event) -> None:
    async for _ in link.messages():
        judged.set()
