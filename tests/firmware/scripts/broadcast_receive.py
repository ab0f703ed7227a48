"""A sensor that receives one broadcast payload, losing some shards, and asks for what it lacks.

micropython broadcast_receive.py PORT NAME LOSS SEED
out: "ready", then {"right": true, "ms": from the manifest to the payload, "asked": times it asked for more}
"""

import asyncio
import json
import random
import sys
from hashlib import sha256
from time import ticks_diff, ticks_ms

from net import mqtt
from ota.decoder import Decoder
from protocol import shards

PORT, NAME, LOSS, SEED = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
SENDER, FAMILY = "hall1", "vibration"
QUIET_MS = 400  # without a shard, until it asks


class Receiver:
    def __init__(self, client):
        self.client = client
        self.memory = bytearray(40 * 1024)
        self.manifest = None
        self.decoder = None
        self.done = asyncio.Event()
        self.began = self.heard = ticks_ms()
        self.seen = self.last = self.asked = 0

    def on_manifest(self, topic, payload, retained):
        manifest = shards.unpack_manifest(bytes(payload))
        if not self.manifest:
            self.began = self.heard = ticks_ms()
            self.decoder = Decoder(self.memory, manifest.shape.k, manifest.shape.shard_length)
        self.manifest = manifest

    def on_shard(self, topic, payload, retained):
        if not self.manifest or self.done.is_set() or random.random() < LOSS:
            return
        shard = shards.unpack_shard(payload)
        expected = self.manifest.hash_of(shard.block, shard.index)
        if shard.bundle != self.manifest.bundle or shards.shard_hash(shard.data) != expected:
            return
        self.heard = ticks_ms()
        self.seen += 1
        self.last = max(self.last, shard.index + 1)
        if self.decoder.add(shard.index, shard.data) and not self.decoder.missing:
            self.done.set()

    async def ask(self):
        """Report the loss seen; ask for what is missing, if anything is."""
        missing = self.decoder.missing
        need = {"0": missing} if missing else {}
        said = {"to": SENDER, "bundle": self.manifest.bundle.hex(), "need": need}
        said["received"], said["lost"] = self.seen, self.last - self.seen
        topic = "reedmesh/{}/update/{}/request/{}/need".format(NAME, FAMILY, SENDER)
        await self.client.publish(topic, json.dumps(said).encode(), 1)

    async def insist(self):
        while not self.done.is_set():
            await asyncio.sleep_ms(50)
            waited = ticks_diff(ticks_ms(), self.heard)
            if self.manifest and waited > QUIET_MS + random.randrange(200):
                self.heard = ticks_ms()
                self.asked += 1
                await self.ask()


async def main():
    random.seed(SEED)
    client = mqtt.Client("127.0.0.1", PORT, NAME)
    receiver = Receiver(client)
    base = "reedmesh/{}/update/{}/".format(SENDER, FAMILY)
    client.subscribe(base + "manifest", receiver.on_manifest, 1, bytearray(4096))
    client.subscribe(base + "shard", receiver.on_shard, 0, bytearray(1200))
    running = asyncio.create_task(client.run())
    await client.up.wait()
    print("ready")
    insisting = asyncio.create_task(receiver.insist())
    await receiver.done.wait()
    took = ticks_diff(ticks_ms(), receiver.began)
    payload = memoryview(receiver.memory)[: receiver.manifest.shape.length]
    right = sha256(payload).digest() == receiver.manifest.sha256
    print(json.dumps({"right": right, "ms": took, "asked": receiver.asked}))
    await receiver.ask()
    await client.close()
    await running
    await insisting


asyncio.run(main())
