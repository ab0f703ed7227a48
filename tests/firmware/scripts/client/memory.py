"""Publishes COUNT windows and receives a quarter as many messages, then reports what the heap was left with, as JSON.

    micropython -X heapsize=64k client/memory.py PORT COUNT

client: bytes its modules and buffers take. per_publish: bytes a QoS 0 publish leaves to the collector, and turns: how
often another task ran during eight of them. grown: bytes in use at the end beyond those after the first hundred.
"""

import asyncio
import gc
import json
import sys

FRAME = bytes(100)
received = turns = 0


def in_use():
    gc.collect()
    return gc.mem_alloc()


def on_message(topic, payload, retained):
    global received
    received += 1


async def publish(client, count):
    for number in range(count):
        await client.publish("a/b", FRAME, 0 if number % 10 else 1)


async def take_turns():
    global turns
    while True:
        turns += 1
        await asyncio.sleep_ms(0)


async def left_behind(client, count=8):
    global turns
    other = asyncio.create_task(take_turns())
    await client.publish("a/b", FRAME)
    gc.collect()
    gc.disable()
    turns = 0
    before = gc.mem_alloc()
    for _ in range(count):
        await client.publish("a/b", FRAME)
    after = gc.mem_alloc()
    gc.enable()
    other.cancel()
    return (after - before) // count


async def main(port, count):
    before = in_use()
    from net import mqtt

    client = mqtt.Client("127.0.0.1", port, "sensor")
    taken = in_use() - before
    client.subscribe("in", on_message, qos=1, buffer=bytearray(2048))
    running = asyncio.create_task(client.run())
    await client.up.wait()
    await publish(client, 100)
    start = in_use()
    await publish(client, count - 109)
    per_publish = await left_behind(client)
    while received < count // 4:
        await asyncio.sleep_ms(1)
    report = {"received": received, "client": taken, "per_publish": per_publish, "turns": turns}
    report["grown"] = in_use() - start
    await client.close()
    await running
    print(json.dumps(report))


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
