"""A sensor's files over its serial line, by mpremote, which stops the program and writes; and starting it again."""

import json
import subprocess
import sys
from pathlib import Path

from reedmesh.errors import ConfigError
from reedmesh.provisioning.serial_port import CONSOLE

FILE, DRAFT = "config.json", "config.tmp"  # replaced in one rename: a cable may be pulled
SECONDS = 40.0  # for one visit; the watchdog of a program that was stopped bites after 60
PRESENT = f"import os; print(open('{FILE}').read() if '{FILE}' in os.listdir() else None)"
RENAME = f"import os; os.rename('{DRAFT}', '{FILE}')"
# Typed at the prompt where mpremote leaves the board. Its own `reset` does not do: it is gone for as long as a process
# takes to end, and what the board says meanwhile is lost, for a port that is opened forgets what came before.
RESTART = b"\x03import machine; machine.reset()\r"


def put_settings(port: str, config: Path, board: str) -> None:
    """Give the sensor on `port` its settings, and stop it; raises ConfigError when it is no such board."""
    has = settings(port)
    if has.get("board") != board:
        raise ConfigError(f"{port}: it was flashed as {has.get('board')}, {config} is for {board}")
    _mpremote(port, "fs", "cp", str(config), f":{DRAFT}", "+", "exec", RENAME)


def restart(port: str) -> None:
    """Start the sensor on `port`, which was stopped."""
    import serial

    with serial.serial_for_url(port, CONSOLE) as console:
        console.write(RESTART)
        console.flush()


def settings(port: str) -> dict[str, str]:
    """The settings of the sensor on `port`; raises ConfigError when it is none."""
    try:
        found = json.loads(_mpremote(port, "exec", PRESENT))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ConfigError(f"{port}: MicroPython without our settings: `reedmesh sensor add` makes it a sensor")
    return found


def _mpremote(port: str, *command: str) -> str:
    """What mpremote prints; raises ConfigError with the last line of what went wrong."""
    full = [sys.executable, "-m", "mpremote", "connect", port, *command]
    try:
        done = subprocess.run(full, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"{port}: {_silent(port)}") from error
    said = (done.stderr + done.stdout).strip().splitlines()
    if "No module named mpremote" in done.stderr:
        raise ConfigError("no mpremote: pip install 'reedmesh[flash]'")
    if "could not enter raw repl" in "".join(said):
        raise ConfigError(f"{port}: {_silent(port)}")
    if done.returncode:
        raise ConfigError(f"{port}: {said[-1] if said else 'mpremote failed'}")
    return done.stdout


def _silent(port: str) -> str:
    shows = f"`reedmesh sensor monitor --port {port}` shows what it does"
    return f"no MicroPython answers: {shows}; a bare board needs `reedmesh sensor add`"
