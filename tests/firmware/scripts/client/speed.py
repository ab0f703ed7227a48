"""Prints as JSON how fast a broker is published to: QoS 1 round trip in ms, p50 and p99; QoS 0 messages a second.

    micropython client/speed.py PORT

Both are of a window's frame over loopback.
"""

import asyncio
import json
import sys
from time import ticks_diff, ticks_us

from net import mqtt

FRAME = bytes(105)  # a window of 69 features
ROUND_TRIPS, MESSAGES = 2000, 20000


async def round_trip_ms(client):
    start = ticks_us()
    await client.publish("reedmesh/gw1/press3/window", FRAME, qos=1)
    return ticks_diff(ticks_us(), start) / 1000


async def messages_per_s(client):
    start = ticks_us()
    for _ in range(MESSAGES):
        await client.publish("reedmesh/gw1/press3/window", FRAME)
    await round_trip_ms(client)  # and so the broker has them all
    return MESSAGES * 1e6 / ticks_diff(ticks_us(), start)


async def main(port):
    client = mqtt.Client("127.0.0.1", port, "speed")
    running = asyncio.create_task(client.run())
    await client.up.wait()
    trips = [0.0] * ROUND_TRIPS
    for trip in range(ROUND_TRIPS):
        trips[trip] = await round_trip_ms(client)
    trips.sort()
    report = {"qos1_ms_p50": trips[ROUND_TRIPS // 2], "qos1_ms_p99": trips[ROUND_TRIPS * 99 // 100]}
    report["qos0_per_s"] = await messages_per_s(client)
    await client.close()
    await running
    print(json.dumps(report))


asyncio.run(main(int(sys.argv[1])))
