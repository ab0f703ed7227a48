"""A sensor on a serial line: says hello, publishes windows, repeats what it is told, decodes a model from shards.

Usage: serial_sensor.py device. Runs until it is told "end".
"""

import asyncio
import json
import sys
from hashlib import sha256

from net.serial_client import Client
from ota.decoder import Decoder
from protocol import serial_message, shards, wire

BASE = "reedmesh/gw1/press3/"
KEY = b"key of press3"


class Sensor:
    def __init__(self, device):
        port = open(device, "r+b")  # noqa: SIM115 - until the end
        self.client = Client(asyncio.StreamReader(port), asyncio.StreamWriter(port, {}), key=KEY)
        self.client.announcements[BASE + "hello"] = json.dumps({"v": 1, "note": "x" * 400}).encode()
        self.client.subscribe(BASE + "tell", self.tell, 1)
        self.client.subscribe(BASE + "model/manifest", self.manifest, 1)
        self.client.on_shard = self.shard
        self.end = asyncio.Event()
        self.decoder = None
        self.tasks = []

    async def run(self):
        running = asyncio.create_task(self.client.run())
        number = 0
        while not self.end.is_set():
            number += 1
            window = wire.Window(bytes(range(69)), 7, number)
            frame = bytearray(wire.WINDOW_HEADER + 69)
            wire.pack_window(window, frame)
            await self.client.publish(BASE + "window", frame)
            await asyncio.sleep_ms(10)
        running.cancel()

    def tell(self, topic, payload, retained):
        if payload == b"end":
            self.end.set()
        else:  # in a task: a sink must not wait for a report, which it would keep from being received
            self.say("told", payload)

    def manifest(self, topic, payload, retained):
        manifest = shards.unpack_manifest(payload)
        assert shards.is_sealed_by(manifest, KEY)
        self.of = manifest
        self.block = bytearray(manifest.shape.k * manifest.shape.shard_length)
        self.decoder = Decoder(self.block, manifest.shape.k, manifest.shape.shard_length)

    def shard(self, body):
        if not self.decoder or not self.decoder.missing:
            return
        shard = serial_message.unpack_shard(body, self.of.bundle, self.of.shape)
        self.decoder.add(shard.index, shard.data)
        if not self.decoder.missing:
            self.say("model/status", sha256(memoryview(self.block)[: self.of.shape.length]).digest())

    def say(self, leaf, payload):
        self.tasks.append(asyncio.create_task(self.client.publish(BASE + leaf, payload, 1)))


asyncio.run(Sensor(sys.argv[1]).run())
