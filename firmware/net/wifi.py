"""Keeps a board on its Wi-Fi: when the link is lost the station is switched off, rested and tried again.

An ESP32 whose station is only told to connect again may stay deaf until it is switched off, and one that fails ten
times in a row mends itself only by a reset.
"""

import asyncio
from os import urandom

PATIENCE_MS = 20000  # for a connection
LOOK_MS = 500  # between two looks at it
LONGEST_MS = 60000  # rest between two attempts
MOST = 10  # failures in a row, then a reset
REASONS = {201: "no such network", 202: "wrong password", 203: "refused", 204: "handshake timed out: wrong password?"}


class Wifi:
    """`station`: network.WLAN(network.STA_IF). reset(reason): called when nothing else helps.

    ssid: str or bytes, 1 to 32 of them.
    """

    def __init__(self, ssid, password: str, station, reset) -> None:
        self._credentials = ssid, password
        self._station = station
        self._reset = reset
        self.failures = 0  # in a row

    async def keep(self) -> None:
        """Connect, and connect again."""
        while True:
            if await self._connect():
                self.failures = 0
                while self._station.isconnected():
                    await asyncio.sleep_ms(LOOK_MS)
            else:
                self.failures += 1
                print("wifi: {!r}: {}".format(self._credentials[0], self._why()))
                if self.failures % MOST == 0:
                    self._reset("no Wi-Fi in {} attempts".format(MOST))
            self._off()
            await asyncio.sleep_ms(rest_ms(self.failures))

    async def _connect(self) -> bool:
        """Whether a connection came up in time."""
        try:
            self._station.active(True)
            self._station.connect(*self._credentials)
        except OSError:
            return False
        for _ in range(PATIENCE_MS // LOOK_MS):
            if self._station.isconnected():
                return True
            await asyncio.sleep_ms(LOOK_MS)
        return False

    def _why(self) -> str:
        """Why there is no connection: esp_wifi_types.h, wifi_err_reason_t, and what MicroPython adds."""
        try:
            status = self._station.status()
        except (AttributeError, OSError):
            return "no connection"
        return REASONS.get(status, "no connection, status {}".format(status))

    def _off(self) -> None:
        try:
            self._station.disconnect()
            self._station.active(False)
        except OSError:
            pass  # it was off


def rest_ms(failures: int) -> int:
    """How long to rest: up to twice as long each time, and never all boards of a hall at once."""
    longest = min(LONGEST_MS, 500 << min(failures, 8))
    return longest // 2 + longest * urandom(1)[0] // 512


def on_board(settings: dict, hostname: str, reset) -> Wifi:
    """The board's own station, for settings {"ssid": ..., "password": ...}; "ssid_hex" for one that is no UTF-8."""
    import network

    ssid = bytes.fromhex(settings["ssid_hex"]) if "ssid_hex" in settings else settings["ssid"]
    network.hostname(hostname)
    return Wifi(ssid, settings["password"], network.WLAN(network.STA_IF), reset)
