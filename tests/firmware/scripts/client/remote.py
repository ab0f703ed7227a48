"""An MQTT client that a test steers: commands in, events out, one JSON list a line. Its time stands still.

micropython client/remote.py PORT '{"keepalive": 15, "subscribe": [["a/#", 1, 64]], ...}'
in:  ["publish", topic, text or number of bytes, qos, retain]  ["pass", ms]
     ["into", pattern, size]  ["unplug"]  ["count"]  ["close"]
out: ["up"]  ["down"]  ["pause", ms, last_error]  ["message", topic, text, retained]  ["published", topic, sent]
     ["count", lost, oversized, last_error]  ["ended"]  ["told", words]
"""

import asyncio
import json
import sys

from net import mqtt, mqtt_connection

EPIPE = 32


def say(*event):
    print(json.dumps(event))


class Clock:
    """Stands in for ms and sleep_ms: time passes when the test says so."""

    def __init__(self):
        self.now = 0
        self.sleepers = []

    def ms(self):
        return self.now

    async def sleep_ms(self, ms):
        if ms <= mqtt_connection.BUSY_MS:
            await asyncio.sleep_ms(ms)
            return
        if ms != tick_ms:
            say("pause", ms, client.last_error)
        event = asyncio.Event()
        self.sleepers.append((self.now + ms, event))
        await event.wait()

    async def advance(self, ms):
        self.now += ms
        for until, event in self.sleepers:
            if until <= self.now:
                event.set()
        self.sleepers = [sleeper for sleeper in self.sleepers if sleeper[0] > self.now]
        await asyncio.sleep_ms(2)  # asyncio's queue is ordered by ms: whoever was woken runs before the next command


class Unplugged:
    """A socket that finds out, when written to, that the other end is gone."""

    def write(self, data):
        raise OSError(EPIPE)


async def watch():
    while True:
        await client.up.wait()
        say("up")
        await client.down.wait()
        say("down")


async def publish(topic, text, qos=0, retain=False):
    payload = b"x" * text if isinstance(text, int) else text.encode()
    say("published", topic, await client.publish(topic, payload, qos, retain))


async def obey():
    commands = asyncio.StreamReader(sys.stdin)
    while True:
        line = await commands.readline()
        verb, *rest = json.loads(line) if line else ["close"]
        if verb == "publish":
            tasks.append(asyncio.create_task(publish(*rest)))
        elif verb == "pass":
            await clock.advance(*rest)
        elif verb == "unplug":
            client._link._socket = Unplugged()
        elif verb == "count":
            say("count", client.lost, client.oversized, client.last_error)
        else:
            return await client.close()


def on_message(topic, payload, retained):
    say("message", topic, str(payload, "utf-8"), retained)


async def on_message_slowly(topic, payload, retained):
    await asyncio.sleep_ms(0)
    on_message(topic, payload, retained)


async def main():
    tasks.append(asyncio.create_task(watch()))
    obeying = asyncio.create_task(obey())
    await client.run()
    say("ended")
    await obeying


options = json.loads(sys.argv[2])
subscriptions = options.pop("subscribe", [])
announcements = options.pop("announce", {})
will = options.pop("will", None)
client = mqtt.Client("127.0.0.1", int(sys.argv[1]), options.pop("name", "sensor"), will=will, **options)
client.announcements.update(announcements)
client.told = lambda words: say("told", words)
for pattern, qos, size in subscriptions:
    sink = on_message_slowly if size else on_message
    client.subscribe(pattern, sink, qos, bytearray(size) if size else None)
clock, tasks = Clock(), []
tick_ms = options.get("keepalive", 15) * 250
for module in mqtt, mqtt_connection:
    module.ms, module.sleep_ms = clock.ms, clock.sleep_ms
asyncio.run(main())
