"""Takes offers in reduced mode, and starts with each: what serves then, and why it is not the last one.

Usage: reduced_trial.py FOLDER OFFER ...; prints a JSON line after each.
"""

import asyncio
import json
import sys

from ota.model_slots import ModelSlots
from ota.model_writer import Writer
from protocol import offer_frame, shards

ROOM = 16384


class Manifest:
    """As much of a manifest as is looked at."""

    def __init__(self, data):
        self.shape = shards.Shape(4, 1024, len(data))


def slots(features, judges):
    made = ModelSlots(sys.argv[1], ROOM, features)
    made.boot(judges)
    return made


async def take(it, frame):
    writer, manifest = Writer(it), Manifest(frame)
    writer.admit(manifest)
    await writer.take(memoryview(frame))
    it.install(await writer.finish(manifest))


for path in sys.argv[2:]:
    with open(path, "rb") as file:
        frame = file.read()
    offer = offer_frame.unpack_offer(frame)
    idle = slots(len(offer.trial), False)
    asyncio.run(take(idle, frame))
    served = slots(len(offer.trial), True)
    scored = served.judge and served.judge.score(offer.trial)
    kept = [key for each in served.kept.values() for key in each if key in ("trial", "score")]
    print(json.dumps([idle.digest, bool(idle.judge), served.digest, scored, served.relapse, kept]))
