"""The serial port of a board: its name, and remedies when it cannot be opened."""

import errno
import os
from pathlib import Path

from reedmesh.errors import ConfigError

CONSOLE = 115200  # baud: MicroPython's
MIMICKED = "://"  # in the address of a port that is none, such as socket://127.0.0.1:4000


def chosen(asked: str | None) -> str:
    """`asked`, or the only port there is, if it can be opened; raises ConfigError with the remedy."""
    port = asked or only()
    check(port)
    return port


def only() -> str:
    """The one serial port with a board on it; raises ConfigError when there is none, or more than one."""
    found = attached()
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(f"{len(found)} boards are attached: say which with --port {' or --port '.join(found)}")
    raise ConfigError("no board found on USB: is the cable one that carries data? Otherwise say --port ...")


def attached() -> list[str]:
    """Serial ports on USB; raises ConfigError without pyserial."""
    try:
        from serial.tools import list_ports
    except ImportError as error:
        raise ConfigError("no pyserial: pip install 'reedmesh[flash]'") from error
    return sorted(str(port.device) for port in list_ports.comports() if port.vid is not None)


def check(port: str) -> None:
    """Raise ConfigError with what helps, when `port` cannot be opened by us alone."""
    import serial

    if MIMICKED in port:
        return
    try:
        serial.Serial(port, exclusive=True).close()
    except OSError as error:
        raise ConfigError(f"{port}: {remedy(port, error)}") from error


def remedy(port: str, error: OSError) -> str:
    """The fault of a port and its remedy, in a line."""
    if error.errno == errno.ENOENT:
        return f"there is no such port; {' and '.join(attached()) or 'no board'} is attached"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"no permission: sudo usermod -aG {_group(port)} $USER, then log out and in again"
    if error.errno in (errno.EBUSY, errno.EAGAIN):
        return f"another program has it open, perhaps `reedmesh sensor monitor`: close that (fuser {port} says which)"
    return str(error).splitlines()[0]


def _group(port: str) -> str:
    """Who may use serial ports here: dialout on Debian, uucp elsewhere."""
    import grp

    try:
        return grp.getgrgid(Path(port).stat().st_gid).gr_name if os.name == "posix" else "dialout"
    except (OSError, KeyError):
        return "dialout"


def monitor(port: str) -> None:
    """Show what a board prints, until Ctrl-]; Ctrl-C stops the program on it."""
    import sys

    from serial.tools import miniterm

    sys.argv[1:] = []  # which it would read, too
    miniterm.main(default_port=port, default_baudrate=CONSOLE)
