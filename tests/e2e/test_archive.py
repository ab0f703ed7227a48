"""A gateway dies with its disk; another machine becomes it, from a code on paper and a neighbour, over real brokers."""

import asyncio
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reedmesh.broker.accounts import Users
from reedmesh.config.settings import load_config
from reedmesh.identity import keystore
from reedmesh.store.store import Store
from tests.service.test_gateway import feed, sounds, taught, world
from tests.support.brokers import free_port
from tests.support.sensor import FakeSensor
from tests.support.timeouts import PATIENCE

REEDMESH = [sys.executable, "-m", "reedmesh"]
NAMES = ("gw", "hall2")


def run(*words: object) -> str:
    done = subprocess.run([*REEDMESH, *map(str, words)], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert not done.returncode, done.stderr
    return done.stdout


def until_run(*words: object) -> str:
    """What a command prints once the gateways know each other; until then it says why not."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return run(*words)
        except AssertionError:
            if time.monotonic() > end:
                raise


def configs(folder: Path) -> dict[str, Path]:
    """Two gateways that are neighbours, each with a broker that asks for logins."""
    ports = {name: free_port() for name in NAMES}
    paths = {name: folder / f"{name}.toml" for name in NAMES}

    def write(name: str, neighbours: str) -> None:
        about = f'name = "{name}"\nstate = "{folder / name}"\n[broker]\nembedded = true\nport = {ports[name]}\n'
        paths[name].write_text(f"{about}[archive]\nmegabytes = 50\n{neighbours}")

    def table(name: str, other: str, password: str) -> str:
        key = keystore.load(folder / other).public.hex()
        place = f'name = "{other}"\nhost = "127.0.0.1"\nport = {ports[other]}\nplain = true\n'
        return f'[[neighbours]]\n{place}key = "{key}"\npassword = "{password}"\n'

    for name, other in (NAMES, NAMES[::-1]):
        write(name, table(name, other, ""))
    passwords = {name: Users(load_config(paths[other])).of_neighbour(name) for name, other in (NAMES, NAMES[::-1])}
    for name, other in (NAMES, NAMES[::-1]):
        write(name, table(name, other, passwords[name]))
    return paths


@contextmanager
def gateway(path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with path.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen([*REEDMESH, "run", str(path)], stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)


def watched(folder: Path, name: str, digest: bytes | None = None) -> bytes:
    """Learn a machine, or, with the digest of a model, have its sensor come back with it; returns the digest."""

    async def story() -> bytes:
        async with world(folder) as it:
            if digest is None:
                sensor = await taught(it, name)
            else:
                sensor = FakeSensor(it.broker.link(), "gw", name, it.gateway.family.recipe)
                sensor.model, sensor.sequence = it.gateway.line.sensors[name].model, 1
                assert sensor.model and sensor.model.digest == digest
                await sensor.hello()
            await feed(sensor, sounds()["normal"][:20])
            await it.until(lambda topic, value: topic == f"{name}/state" and value["state"] == "watching")
            assert sensor.model
            return sensor.model.digest

    return asyncio.run(story())


def test_a_gateway_comes_back_on_an_empty_machine_by_a_code_and_its_neighbour(tmp_path: Path) -> None:
    digest = watched(tmp_path / "gw", "press")
    paths = configs(tmp_path)
    config, key = paths["gw"].read_bytes(), keystore.load(tmp_path / "gw").public
    with Store(tmp_path / "gw") as store:
        entries = store.begin_ledger("gw", keystore.load(tmp_path / "gw"), time.time).last()[0]
    drawing = tmp_path / "drawing.txt"
    drawing.write_text("of the press")
    with gateway(paths["hall2"]):
        with gateway(paths["gw"]):
            code = re.search(r"rr1-\S+", until_run("archive", "paper", "--config", paths["gw"]))
            assert code
            put = run("archive", "put", drawing, "--label", "press 3", "--config", paths["gw"])
            assert "1 of 2 shards are enough; may be lost: any 1 holder" in put
            run("archive", "get", "press 3", tmp_path / "copy.txt", "--config", paths["gw"])
            assert (tmp_path / "copy.txt").read_text() == "of the press"
        shutil.rmtree(tmp_path / "gw")
        paths["gw"].unlink()
        for path in tmp_path.glob("hall2/archive/*"):
            assert b"of the press" not in path.read_bytes(), "it is sealed"
        told = run("archive", "restore", code[0], "--to", paths["gw"])
        assert "gateway gw as of" in told and "1 models" in told
    assert paths["gw"].read_bytes() == config
    assert keystore.load(tmp_path / "gw").public == key
    with Store(tmp_path / "gw") as store:
        assert store.begin_ledger("gw", keystore.load(tmp_path / "gw"), time.time).last()[0] >= entries
    assert watched(tmp_path / "gw", "press", digest) == digest, "it is watched on, and nothing was learnt anew"
    run("ledger", "verify", paths["gw"])
