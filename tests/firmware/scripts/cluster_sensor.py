"""A sensor's MQTT client that publishes the frames it reads, a line of hexadecimal digits each; says when it is up.

micropython cluster_sensor.py SETTINGS, as JSON: hosts [[host, port], ...], name, user, password, topic
"""

import asyncio
import json
import sys

from net import mqtt

told = json.loads(sys.argv[1])
(host, port), *others = told["hosts"]
topic = told["topic"]
client = mqtt.Client(
    host, port, told["name"], user=told["user"], password=told["password"], others=[tuple(each) for each in others]
)


async def main():
    client.told = lambda words: print("link:", words)
    running = asyncio.create_task(client.run())
    lines = asyncio.StreamReader(sys.stdin)
    while True:
        line = await lines.readline()
        if not line:
            break
        await client.publish(topic, bytes.fromhex(line.strip().decode()))
    await client.close()
    running.cancel()


asyncio.run(main())
