"""A model that finds no room, while it comes or when it takes over: prints what the sensor says of each offer.

Usage: no_room.py FRAMES FOLDER. FRAMES: a file of frames, each after its length in two bytes, the manifest first. The
memory ends at a block, then when the model takes over, then not at all.
"""

import asyncio
import json
import sys

import ota
from ota import model_writer, offers


class ModelSlots:
    """In place of the sensor's; has as much memory as a test says."""

    sequence, digest, room, arriving = 0, "", bytearray(20000), sys.argv[2] + "/next.tflite"

    def __init__(self):
        self.full = True

    def install(self, offer):
        if self.full:
            raise MemoryError("memory allocation failed")


class Full(model_writer.Writer):
    async def take(self, payload):
        raise MemoryError("memory allocation failed")


class Client:
    """Hears what is reported."""

    def __init__(self):
        self.said = []
        self.news = asyncio.Event()

    def subscribe(self, topic, callback, qos=0):
        pass

    async def publish(self, topic, payload, qos=0):
        self.said.append(json.loads(payload))
        self.news.set()


def frames():
    with open(sys.argv[1], "rb") as file:
        while size := file.read(2):
            yield file.read(int.from_bytes(size, "little"))


async def changed(kind):
    pass


async def offered(it, client):
    """The code that ends it. Shards are told whenever one is asked for; those of other blocks are of no use then."""
    manifest, *shards = frames()
    it._announce("s/model/manifest", manifest, False)
    while True:
        await client.news.wait()
        client.news.clear()
        code = client.said[-1]["code"]
        if code != 206:
            break
        for shard in shards:
            it._collect("", shard, False)
    while it._receiver:  # what has nothing to do any more is let go
        await asyncio.sleep_ms(10)
    return code


async def story():
    slots, client = ModelSlots(), Client()
    it = offers.Offers({"model": slots}, client, lambda kind, leaf: "s/{}/{}".format(kind, leaf), changed)
    running = asyncio.create_task(it.run())
    taker, model_writer.Writer, codes = model_writer.Writer, Full, []
    codes.append(await offered(it, client))
    sys.modules["ota.model_writer"] = ota.model_writer = model_writer
    model_writer.Writer = taker
    codes.append(await offered(it, client))
    slots.full = False
    codes.append(await offered(it, client))
    print(json.dumps({"codes": codes, "runs": not running.done()}))


asyncio.run(story())
