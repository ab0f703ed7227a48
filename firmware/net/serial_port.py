"""Opens the port of a sensor on a wire, as its settings name it, and puts a client on it."""

import asyncio

from net.serial_client import Client


def client(settings: dict, on_shard, key: "bytes | None" = None) -> Client:
    """A client on {"uart": 1, "baud": 115200, "tx": 17, "rx": 16}, or on a desktop on {"port": "/dev/ttyUSB0"}."""
    port = _uart(settings) if "uart" in settings else open(settings["port"], "r+b")  # noqa: SIM115 - it stays open
    return Client(asyncio.StreamReader(port), asyncio.StreamWriter(port, {}), on_shard=on_shard, key=key)


def _uart(settings: dict):
    from machine import UART  # a desktop has none

    pins = {key: settings[key] for key in ("tx", "rx") if key in settings}
    return UART(settings["uart"], settings["baud"], rxbuf=2048, **pins)
