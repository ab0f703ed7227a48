"""A sensor on wires that it shares: says hello, publishes windows, repeats what it is told.

Usage: `shared_wires.py PORT NAME`.
Ends when it is told "end", or when it is called "alone" and nobody answered;
prints what it counted as a JSON line.
"""

import asyncio
import json
import sys

from net import serial_client
from protocol import wire

port, name = open(sys.argv[1], "r+b"), sys.argv[2]  # noqa: SIM115 - until the end
client = serial_client.Client(asyncio.StreamReader(port), asyncio.StreamWriter(port, {}))
told, foreign, tasks = asyncio.Event(), 0, []
if name == "alone":
    serial_client.PATIENCE_MS, serial_client.TRIES = 30, 5


def tell(topic, payload, retained):
    global foreign
    foreign += topic != wire.topic("gw", name, "tell")
    if payload == b"end":
        told.set()
    else:
        tasks.append(asyncio.create_task(client.publish(wire.topic("gw", name, "told"), payload, 1)))


async def main():
    client.announcements[wire.topic("gw", name, "hello")] = b"{}"
    for heard in ("tell", "hello"):
        client.subscribe(wire.topic("gw", name, heard), tell)
    running = asyncio.create_task(client.run())
    while not told.is_set() and not (name == "alone" and client.lost):
        await client.publish(wire.topic("gw", name, "window"), bytes(99))
        await asyncio.sleep_ms(20)
    await asyncio.sleep_ms(300)  # for the last report
    running.cancel()
    counted = {key: getattr(client, key) for key in ("sessions", "lost", "refused", "strange")}
    print(json.dumps(dict(counted, up=client.up.is_set(), foreign=foreign)))


asyncio.run(main())
