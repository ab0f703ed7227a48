"""Two gateways that know nothing of each other become neighbours by one string, over real brokers with TLS."""

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reedmesh.commands import broker
from reedmesh.config.settings import load_config
from reedmesh.identity import certificates
from reedmesh.links.mqtt_link import Link
from tests.support.brokers import free_port, mosquitto_by
from tests.support.timeouts import PATIENCE

REEDMESH = [sys.executable, "-m", "reedmesh"]


def run(*words: object) -> str:
    done = subprocess.run([*REEDMESH, *map(str, words)], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert not done.returncode, done.stderr
    return done.stdout


def refused(*words: object) -> str:
    done = subprocess.run([*REEDMESH, *map(str, words)], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode
    return done.stderr


def config(folder: Path, name: str, embedded: bool) -> Path:
    """The settings of a gateway whose broker serves others by TLS."""
    path, state = folder / f"{name}.toml", folder / name
    link = f"embedded = {str(embedded).lower()}\nport = {free_port()}\ntls_port = {free_port()}"
    path.write_text(f'name = "{name}"\nstate = "{state}"\n[broker]\n{link}\n')
    certificates.issue(state / certificates.FOLDER, ["127.0.0.1", "localhost"], None)
    return path


@contextmanager
def gateway(path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with path.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen([*REEDMESH, "run", str(path)], stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


async def speaks(of: Path, at: Path) -> dict[str, int]:
    """What the gateway `of` can read at the broker of `at` with what it knows of that one: how many messages first."""
    ours, theirs = load_config(of), load_config(at)
    (neighbour,) = ours.neighbours
    topic = f"reedmesh/{theirs.name}/status"
    login = f"gateway.{ours.name}", neighbour.password
    link = Link(neighbour.host, neighbour.port, "test", subscriptions={topic: 1}, login=login, ca=neighbour.ca)
    async with asyncio.timeout(PATIENCE):
        async for message in link.messages():
            return {message.topic: len(message.payload)}
    raise AssertionError


def test_one_string_makes_neighbours_of_both_and_counts_once(tmp_path: Path) -> None:
    one, two = config(tmp_path, "hall1", embedded=False), config(tmp_path, "hall2", embedded=True)
    settings = load_config(one)
    broker.write(settings, (tmp_path / "hall1/mosquitto").absolute())
    rooted = tmp_path / "mosquitto.conf"  # it would give up root's rights to read a test's folder
    rooted.write_text("user root\n" + (tmp_path / "hall1/mosquitto/mosquitto.conf").read_text())
    with mosquitto_by(rooted) as mosquitto, gateway(one), gateway(two) as second:
        words = [*REEDMESH, "invite", "--host", "127.0.0.1", "--config", str(one)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as inviting:
            assert inviting.stdout
            lines = iter(inviting.stdout.readline, "")
            token = next(found[0] for line in lines if (found := re.search(r"rm1\.\S+", line)))
            next(line for line in lines if "waits until" in line)
            mosquitto.send_signal(signal.SIGHUP)  # as `systemctl reload mosquitto`, which is said
            altered = token[:60] + ("A" if token[60] != "A" else "B") + token[61:]
            assert "damaged" in refused("join", altered, "--host", "127.0.0.1", "--config", two)
            assert "hall1: a neighbour now" in run("join", token, "--host", "127.0.0.1", "--config", two)
            second.send_signal(signal.SIGHUP)
            assert "hall2: a neighbour now" in "".join(lines)
        mosquitto.send_signal(signal.SIGHUP)
        assert "did not answer" in refused("join", token, "--host", "127.0.0.1", "--config", two), "it has no login now"
        for of, at in ((one, two), (two, one)):
            assert asyncio.run(speaks(of, at))
        assert "trusts hall2" in run("keys", "show", one) and "trusts hall1" in run("keys", "show", two)
        run("keys", "revoke", "hall2", one)
        assert "trusts no key of hall2" in run("keys", "show", one), "it is revoked as any other neighbour"
        assert "no neighbour any more" in run("leave", "hall1", "--config", two)
        assert not load_config(two).neighbours
