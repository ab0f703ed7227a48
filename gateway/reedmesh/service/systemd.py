"""sd_notify: sends the state of this process to systemd, by datagrams to its socket; outside systemd, does nothing.

The protocol is that of sd_notify(3): lines of KEY=VALUE. `READY=1` ends `systemctl start`, `STATUS=` is what
`systemctl status` shows, `WATCHDOG=1` must come again within WatchdogSec or the service is killed and started anew.
"""

import os
import socket
import time
from collections.abc import MutableMapping

MICROSECONDS = 1e6
LONGEST_STATUS = 200  # characters


class ServiceNotifier:
    """Speaks to the service manager that started this process.

    watchdog: seconds within which it wants to hear that all is well, 0 if it does not. Takes its variables out of
    `environment`, so that processes we start do not speak for us.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        address = environment.pop("NOTIFY_SOCKET", "")
        allowance, wanted = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        ours = wanted in ("", str(os.getpid()))
        self.watchdog = int(allowance) / MICROSECONDS if ours and allowance.isdecimal() else 0.0

    def ready(self) -> None:
        """The gateway is at work."""
        self._say("READY=1")

    def alive(self) -> None:
        """Report that every part makes progress."""
        self._say("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for people."""
        line = "".join(char if char.isprintable() else " " for char in text)
        self._say(f"STATUS={line[:LONGEST_STATUS]}")

    def reloading(self) -> None:
        """The settings are read again; `ready` must follow."""
        self._say(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """It ends because it was told to."""
        self._say("STOPPING=1")

    def handed_on(self) -> dict[str, str]:
        """The variables by which a program that takes this process over can go on speaking."""
        address = "@" + self._address[1:] if self._address.startswith("\0") else self._address
        allowance = {"WATCHDOG_USEC": str(round(self.watchdog * MICROSECONDS))} if self.watchdog else {}
        return ({"NOTIFY_SOCKET": address} if address else {}) | allowance

    def _say(self, text: str) -> None:
        """Send, and never wait or fail: a service manager that does not listen must stop no alert."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.setblocking(False)
                out.sendto(text.encode(), self._address)
        except OSError:
            pass
