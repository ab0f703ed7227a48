"""The client of `tools.check.opc_ua`: runs where the package o6 (open62541) is installed, and imports nothing of ours.

    opc_ua_client.py URL CERTIFICATE-AND-KEY URI SERVER-CERTIFICATE COUNT

Prints a line `listening`, then one of JSON: what was heard as [number, verdict], or why it was refused.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import o6

SECONDS = 60.0  # without the last part, until it gives up


async def main() -> None:
    """Subscribe to each part's number and verdict, until the last."""
    url, place, uri, server, count = sys.argv[1:]
    certificate, key = Path(f"{place}.der").read_bytes(), Path(f"{place}.pem").read_bytes()
    client = o6.Client(
        url,
        certificate=certificate,
        privateKey=key,
        trustList=[Path(server).read_bytes()],
        securityPolicy="http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256",
        securityMode=3,
        applicationUri=uri,
    )
    client.config.setAuthenticationCert(certificate, key)
    try:
        await asyncio.wait_for(client.connect(), 20)
    except (o6.StatusCodeError, TimeoutError, ConnectionError) as fault:
        print(json.dumps({"refused": f"{type(fault).__name__} {fault}"[:200]}))
        return
    await _hear(client, int(count))


async def _hear(client: Any, count: int) -> None:
    records: list[str] = []
    names = await client.read("i=2255")
    space = list(names).index("urn:reedmesh:stations")
    listening = await client.createSubscription(50.0, maxNotificationsPerPublish=0)
    node = f"ns={space};s=press.Record"
    await client.monitor(node, lambda *told: records.append(str(told[-1])), 0.0, subscription=listening, queueSize=2000)
    print("listening", flush=True)
    for _ in range(int(SECONDS / 0.1)):
        if records and records[-1].startswith(f"{count};"):
            break
        await asyncio.sleep(0.1)
    print(json.dumps({"heard": [_record(each) for each in records if each]}))
    await client.disconnect()


def _record(text: str) -> list[Any]:
    number, verdict, *_ = text.split(";")
    return [int(number), verdict]


asyncio.run(main())
