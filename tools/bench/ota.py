"""New models and firmware on a sensor: what a power cut at any write to flash leaves, and how long sampling pauses.

Both on MicroPython's unix port: the cuts on a littlefs in memory (tests/firmware/scripts/power_cut*.py), the pause on
the file system of this machine. A board's flash is slower, and stops everything while it is erased: about 80 ms a time.

    python -m tools.bench.ota
"""

import asyncio
import hashlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine
from itertools import pairwise
from pathlib import Path
from typing import Any

from reedmesh.broker import embedded
from reedmesh.coding.bundle import Bundle, shape_for
from reedmesh.config.settings import Broker
from reedmesh.errors import ReedmeshError
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.inference import features
from reedmesh.inference.family import Family, find_family, load_family
from reedmesh.learning.candidate import Candidate, commission
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol import firmware_package, offer_frame, shards
from reedmesh.provisioning import device_tree
from reedmesh.updates import firmware_packages
from tools.bench import report
from tools.board import update_sensors
from tools.checkout import ROOT
from tools.simulate import factory, recordings
from tools.simulate.free_ports import free_ports

SCRIPTS = ROOT / "tests" / "firmware" / "scripts"
# Files that judge by a model.
ENGINE = (
    "hmac",
    "board/lazy",
    "board/monotonic",
    "boot_state",
    "board/boot_count",
    "ota/model_files",
    "ota/model_slots",
    "ota/offers",
    "protocol/offer_frame",
    "protocol/scaling",
    "protocol/wire",
    "score",
    "tflite/",
    "recurrent/",
)
RATE = 50  # windows a second
QUIET, WARM_UP = 150, 50  # windows without an update; those before one counts, and after it
ROOM = 2048  # bytes of a block, as the sensor's hello says
CODE = "x64-6-3"  # what this machine's MicroPython runs


def main() -> int:
    """Run both, print and keep the figures; returns the exit status."""
    logging.disable(logging.WARNING)
    print(report.machine())
    family = load_family(find_family("vibration"))
    recording = recordings.simulate()
    normal = features.extract(recording.windows(0, "train", "normal"), family.recipe)
    candidate = commission(family, normal[:100], family.training.seed)
    with tempfile.TemporaryDirectory() as folder:
        of_models = cuts("power_cut.py", offers(candidate, Path(folder)))
        of_firmware = cuts("power_cut_firmware.py", updates(candidate, Path(folder)))
        tried, bricked = (sum(pair) for pair in zip(of_models, of_firmware, strict=True))
        asyncio.run(pauses(family, recording, candidate, Path(folder)))
    report.save("ota_power_cut_points", tried, "cuts")
    report.save("ota_bricked", bricked, "cuts")
    return int(bricked > 0)


def offers(candidate: Candidate, folder: Path) -> list[Path]:
    """Four models of one candidate that differ in padding only, as offers in files."""
    paths = [folder / f"offer{i}" for i in range(4)]
    for i, path in enumerate(paths):
        path.write_bytes(offer(candidate, i + 1))
    return paths


def offer(candidate: Candidate, sequence: int) -> bytes:
    """An offer frame whose model is like no other's."""
    model = candidate.model + bytes([sequence]) * 16
    digest = hashlib.sha256(model).digest()
    return offer_frame.pack_offer(offer_frame.Offer(sequence, model, digest, candidate.trial, candidate.trial_score))


def updates(candidate: Candidate, folder: Path, only: tuple[str, ...] = ("",)) -> list[Path]:
    """An offer, and four packages of this checkout's firmware (its files under `only`) that differ a little."""
    paths = [folder / name for name in ("offer", "before", "old", "new", "later")]
    paths[0].write_bytes(offer(candidate, 1))
    files = {path: data for path, data in update_sensors.compiled("x64").items() if path.startswith(only)}
    for sequence, path in enumerate(paths[1:], 1):
        last = max(files)
        path.write_bytes(firmware_packages.pack(files | {last: files[last] + bytes(sequence)}, sequence))
    return paths


def cuts(script: str, paths: list[Path]) -> tuple[int, int]:
    """Cut points tried, and those that left a sensor without firmware or a model, or stuck; a line for each story."""
    said = subprocess.run(
        [device_tree.micropython(), "-X", "heapsize=64m", str(SCRIPTS / script), *map(str, paths)],
        env={**os.environ, "MICROPYPATH": f"{ROOT / 'firmware'}:{ROOT / 'gateway' / 'reedmesh'}:.frozen"},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    told = [story for story in map(json.loads, said.splitlines()) if "story" in story]
    bricked = 0
    for story in told:
        bad = sum(count for who, count in story["served"].items() if who in ("none", "no model", "stuck"))
        print(f"{story['story']:28} {story['cuts']:4} power cuts, {bad} bricked")
        bricked += bad
    return sum(story["cuts"] for story in told), bricked


async def pauses(family: Family, recording: recordings.Recording, candidate: Candidate, folder: Path) -> None:
    """Let a sensor judge, give it a model and firmware meanwhile, and compare the longest times between two windows."""
    (port,) = free_ports(1)
    machine = factory.Machine("gw", "press", False, {"train": recording.windows(0, "train", "normal")})
    scale = recording.rate_hz, recording.lsb_per_g
    plan = factory.Plan(folder, "vibration", family.recipe.table(), {"gw": 100}, {"gw": port}, [machine], *scale)
    async with embedded.broker(Broker(port=port, anonymous=True)):
        process, pipe = factory.start_sensor(plan, machine)
        feeding = asyncio.create_task(machine.feed(pipe, RATE))
        try:
            async with asyncio.timeout(180):
                gaps = await _gaps(
                    Link("127.0.0.1", port, "bench", subscriptions={"reedmesh/gw/press/#": 1}), candidate, folder
                )
        finally:
            feeding.cancel()
            process.kill()
            process.wait()
    print(f"longest time between windows, {RATE} a second:")
    for what, gap in gaps.items():
        print(f"  {what:28} {gap:6.0f} ms")
    quiet = {"without an update": gaps["no update"]}
    report.save("ota_sampling_gap_ms", gaps["a model came"], "ms", quiet)
    report.save("ota_firmware_sampling_gap_ms", gaps["firmware came"], "ms", quiet)
    report.save("ota_firmware_start_ms", gaps["firmware started"], "ms")


class Watching:
    """When windows arrive, and what the sensor says of what it is given."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.arrived: list[float] = []
        self.statuses: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._news = asyncio.Event()

    async def listen(self) -> None:
        """Hear all of it."""
        async for message in self.link.messages():
            if message.topic.endswith("/status"):
                self.statuses.put_nowait(json.loads(message.payload))
            elif message.topic.endswith("/window"):
                self.arrived.append(time.monotonic())
                self._news.set()

    async def windows(self, count: int) -> None:
        """Wait for `count` more."""
        end = len(self.arrived) + count
        while len(self.arrived) < end:
            self._news.clear()
            await self._news.wait()

    async def gap(self, work: Coroutine[Any, Any, None]) -> float:
        """The longest time between two windows while `work` lasts, in ms."""
        start = len(self.arrived) - 1
        await work
        return max(1000 * (later - earlier) for earlier, later in pairwise(self.arrived[start:]))


async def _gaps(link: Link, candidate: Candidate, folder: Path) -> dict[str, float]:
    it, key, sequence = Watching(link), SensorKeys(folder / "gw").made_for("press"), device_tree.sequence() + 1
    model, firmware = (
        of_model(offer(candidate, 9)),
        of_firmware(sequence),
    )  # made now, for it takes this process seconds
    listening = asyncio.create_task(it.listen())
    try:
        await it.windows(WARM_UP)
        return {
            "no update": await it.gap(it.windows(QUIET)),
            "a model came": await it.gap(_give_model(it, model, key)),
            "firmware came": await it.gap(_give(it, "firmware", firmware, key)),
            "firmware started": await it.gap(it.windows(WARM_UP)),
        }
    finally:
        listening.cancel()


def of_model(payload: bytes) -> Bundle:
    """An offer on its way."""
    shape = shape_for(len(payload), offer_frame.MODEL_SHARD, ROOM)
    return Bundle(payload, "vibration", "gw", 9, 9, shape)


def of_firmware(sequence: int) -> Bundle:
    """A package on its way."""
    payload = firmware_packages.pack(update_sensors.compiled("x64"), sequence)
    shape = shape_for(len(payload), offer_frame.MODEL_SHARD, ROOM)
    return Bundle(payload, firmware_package.FAMILY + CODE, "gw", sequence, sequence, shape)


async def _give_model(it: Watching, model: Bundle, key: bytes) -> None:
    await _give(it, "model", model, key)
    await it.windows(WARM_UP)  # it judges after it was reported


async def _give(it: Watching, kind: str, bundle: Bundle, key: bytes) -> None:
    """Announce it, and send what is asked for."""
    topic = f"reedmesh/gw/press/{kind}"
    await it.link.publish(Message(f"{topic}/manifest", shards.sealed(bundle.manifest, key), qos=1))
    while (status := await it.statuses.get())["code"] != 200:
        if status["code"] != 206:
            raise ReedmeshError(f"the sensor did not take the {kind}: {status}")
        for frame in bundle.wave({status["block"]: status["missing"]}):
            await it.link.publish(Message(f"{topic}/shard", frame))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ReedmeshError as fault:
        sys.exit(f"bench_ota: {fault}")
