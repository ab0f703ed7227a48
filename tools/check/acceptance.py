"""An operator's steps on a machine that boots systemd: install, learn, reload, break, upgrade, uninstall.

Runs as root in the container of `tools/check/service.py`, never on a machine that somebody uses.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from reedmesh.broker import accounts
from reedmesh.inference import features
from reedmesh.inference.family import find_family, load_family
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol import wire
from tools.simulate import recordings

SETTINGS, STATE = Path("/etc/reedmesh/reedmesh.toml"), Path("/var/lib/reedmesh")
PATIENCE = 60.0  # seconds
REEDMESH = "/usr/local/bin/reedmesh"
LEARN = 100  # windows


def main() -> None:
    """Say what holds, one line each; the first that does not ends it."""
    if subprocess.run(["systemd-detect-virt", "--container", "--quiet"], check=False).returncode:
        sys.exit("only in a container: see tools/check/service.py")
    for step in STEPS:
        try:
            step()
        except Exception as error:
            print(f"FAILED  {step.__doc__}\n{error!r}\n{shell('journalctl -b --no-pager -n 60')}")
            raise SystemExit(1) from error
        print(f"holds   {step.__doc__}", flush=True)
    print("everything holds")


def shell(command: str) -> str:
    """The output of a command, with its errors, whatever its exit status."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, timeout=PATIENCE)
    return done.stdout + done.stderr


def done(command: str) -> str:
    """The same for a command that must succeed."""
    finished = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, timeout=2 * PATIENCE)
    assert finished.returncode == 0, f"{command}: {finished.stdout}{finished.stderr}"
    return finished.stdout


def until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, f"never: {condition}"
        time.sleep(0.1)


def shown(key: str, unit: str = "reedmesh") -> str:
    """A property of a unit."""
    return done(f"systemctl show --value --property={key} {unit}").strip()


def dry() -> None:
    """`reedmesh install` alone writes nothing"""
    said = done("/opt/reedmesh/bin/reedmesh install")
    assert "nothing was done yet" in said and not SETTINGS.exists() and not STATE.exists()


def installed() -> None:
    """`reedmesh install --yes`: gateway, broker and dashboard run, the gateway says that it is judging"""
    print(done("/opt/reedmesh/bin/reedmesh install --yes"))
    until(lambda: shown("StatusText") == "judging")
    for unit in ("mosquitto", "reedmesh", "reedmesh-dashboard"):
        until(lambda unit=unit: shown("ActiveState", unit) == "active")  # type: ignore[misc]


def confined() -> None:
    """the gateway is another user, without capabilities, under a system call filter, and may write its state alone"""
    pid = shown("MainPID")
    status = Path(f"/proc/{pid}/status").read_text()
    for line in ("CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"):
        assert line in status, status
    assert Path(f"/proc/{pid}").stat().st_uid != 0
    mounts = {line.split()[4]: line.split()[5] for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()}
    assert mounts["/"].startswith("ro") and mounts[str(STATE)].startswith("rw"), mounts


def taught() -> None:
    """a sensor with a key logs in, is learnt by a process in the sandbox, and has its model offered"""
    SETTINGS.write_text(SETTINGS.read_text().replace("# windows = 120", f"windows = {LEARN}"))
    done("systemctl reload reedmesh")
    key = done(f"{REEDMESH} sensor-key press").strip()
    done(f"{REEDMESH} acl write && systemctl reload mosquitto")
    asyncio.run(asyncio.wait_for(_learn(bytes.fromhex(key)), PATIENCE))
    assert "learning failed" not in shell("journalctl -u reedmesh -b --no-pager")


async def _learn(key: bytes) -> None:
    family = load_family(find_family("vibration"))
    windows = features.extract(recordings.simulate().windows(0, "train", "normal"), family.recipe)[:LEARN]
    name = re.search('^name = "(.*)"', SETTINGS.read_text(), re.M)
    assert name
    topic = wire.topic(name[1], "press")
    hello = Message(f"{topic}/hello", json.dumps({"features": family.recipe.table()}).encode(), 1, True)
    login = "sensor.press", accounts.sensor_password(key)
    link = Link(
        "127.0.0.1", 1883, "press", subscriptions={f"{topic}/model/#": 1}, greeting=lambda: [hello], login=login
    )
    async with asyncio.TaskGroup() as tasks:
        saying = tasks.create_task(_say(link, f"{topic}/window", list(windows), family.recipe.length))
        async for message in link.messages():
            if message.topic.endswith("/manifest"):
                saying.cancel()
                return


async def _say(link: Link, topic: str, windows: list, length: int) -> None:  # type: ignore[type-arg]
    for number in range(10**6):
        frame = bytearray(wire.WINDOW_HEADER + length)
        wire.pack_window(wire.Window(windows[number % len(windows)].tobytes(), boot=1, number=number), frame)
        await link.publish(Message(topic, bytes(frame)))
        await asyncio.sleep(0.01)


def logged() -> None:
    """the journal knows the levels of our lines, and none is an error"""
    lines = [json.loads(line) for line in done("journalctl -u reedmesh -b --output=json").splitlines()]
    ours = [line for line in lines if line.get("_COMM", "").startswith("reedmesh")]
    assert {line["PRIORITY"] for line in ours} >= {"6"}, {line["PRIORITY"] for line in ours}
    assert not [line for line in ours if int(line["PRIORITY"]) <= 3 or line["MESSAGE"].startswith("<")]


def owned() -> None:
    """what root's commands left in the state directory is the gateway's"""
    user = STATE.stat().st_uid
    assert user != 0
    strangers = [str(path) for path in STATE.rglob("*") if path.lstat().st_uid != user]
    assert not strangers, strangers


def reloaded() -> None:
    """`systemctl reload` takes good settings in place, keeps the old ones when they are wrong, and says so"""
    pid, good = shown("MainPID"), SETTINGS.read_text()
    SETTINGS.write_text(good + "[nonsense]\n")
    done("systemctl reload reedmesh")
    until(lambda: "not reloaded" in shown("StatusText"))
    assert 'unknown key "nonsense"' in shell("journalctl -u reedmesh -b -p err --no-pager")
    SETTINGS.write_text(good)
    done("systemctl reload reedmesh")
    until(lambda: shown("StatusText") == "judging")
    assert shown("MainPID") == pid and shown("NRestarts") == "0"


def restarted() -> None:
    """with wrong settings it does not start, the status says why, and it starts by itself once they are mended"""
    good = SETTINGS.read_text()
    SETTINGS.write_text(good.replace("[broker]", "[brokr]"))
    shell("systemctl restart reedmesh")
    until(lambda: "brokr" in shown("StatusText"))
    SETTINGS.write_text(good)
    until(lambda: shown("StatusText") == "judging")


def watched() -> None:
    """a gateway that hangs is killed by systemd's watchdog and started anew"""
    before, pid = int(shown("NRestarts")), shown("MainPID")
    os.kill(int(pid), 19)  # SIGSTOP
    until(lambda: int(shown("NRestarts")) > before and shown("StatusText") == "judging", 2 * PATIENCE)
    assert shown("MainPID") != pid


def crashed() -> None:
    """a gateway that was killed is started anew, with all it knew"""
    before = int(shown("NRestarts"))
    done("systemctl kill --signal=KILL reedmesh")
    until(lambda: int(shown("NRestarts")) > before and shown("StatusText") == "judging")
    assert "press" in json.loads(done(f"{REEDMESH} status --json"))["sensors"]


def upgraded() -> None:
    """installed once more, settings, keys and database are the same"""
    kept = [SETTINGS, STATE / "key", STATE / "broker", STATE / "sensors" / "press"]
    before = [path.read_bytes() for path in kept]
    said = done(f"{REEDMESH} install --yes")
    assert f"keep {SETTINGS}" in said and [path.read_bytes() for path in kept] == before
    until(lambda: shown("StatusText") == "judging")


def examined() -> None:
    """`reedmesh doctor` finds no error"""
    found = json.loads(shell(f"{REEDMESH} doctor --json"))["findings"]
    wrong = [each for each in found if each["severity"] == "error"]
    assert found and not wrong, wrong


def served() -> None:
    """the dashboard answers a browser, and never failed"""
    until(lambda: "<html" in shell("curl -s http://127.0.0.1:8080/").lower())
    assert shown("NRestarts", "reedmesh-dashboard") == "0"


def removed() -> None:
    """`reedmesh uninstall --yes` takes the service away and leaves settings, keys and database"""
    done(f"{REEDMESH} uninstall --yes")
    assert shown("LoadState") == "not-found" and not Path(REEDMESH).exists()
    assert SETTINGS.exists() and (STATE / "reedmesh.db").exists() and shown("ActiveState", "mosquitto") == "active"


STEPS = [
    dry,
    installed,
    confined,
    taught,
    logged,
    owned,
    reloaded,
    restarted,
    watched,
    crashed,
    served,
    upgraded,
    examined,
    removed,
]

if __name__ == "__main__":
    main()
