"""A NATS cluster of three nodes on loopback, as `reedmesh broker cluster` configures it."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from reedmesh.errors import ConfigError
from tools.simulate.free_ports import free_port

PATIENCE = 60.0  # seconds for three nodes to find each other
PLACES = "/usr/sbin:/usr/bin:/usr/local/bin"
READY = "Server is ready"


class Cluster:
    """Nodes 0 to 2; `ports`: of MQTT."""

    def __init__(self, folder: Path, config: Path) -> None:
        program = os.environ.get("NATS_SERVER") or shutil.which("nats-server", path=PLACES)
        if not program:
            raise ConfigError("no nats-server found: apt install nats-server")
        self._program = program
        self.ports = [free_port() for _ in range(3)]
        routes = [free_port() for _ in range(3)]
        nodes = [f"127.0.0.1:{port}:{route}" for port, route in zip(self.ports, routes, strict=True)]
        self.folders = [folder / f"127.0.0.1-{port}" for port in self.ports]
        command = [sys.executable, "-m", "reedmesh", "broker", "cluster", *nodes, "--config", str(config)]
        subprocess.run([*command, "--out", str(folder), "--folder", f"{folder}/{{}}"], check=True, capture_output=True)
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, number: int) -> None:
        """Start a node."""
        at = self.folders[number]
        command = [self._program, "-c", str(at / "nats.conf"), "-l", str(at / "log")]
        self._running[number] = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def kill(self, number: int) -> None:
        """As a power cut would."""
        process = self._running.pop(number)
        process.kill()
        process.wait()

    def wait(self) -> None:
        """Until all nodes serve clients."""
        deadline = time.monotonic() + PATIENCE
        while not all(READY in self.log(number) for number in self._running):
            assert time.monotonic() < deadline, [self.log(number) for number in self._running]
            time.sleep(0.05)

    def log(self, number: int) -> str:
        """What a node logged so far."""
        log = self.folders[number] / "log"
        return log.read_text() if log.exists() else ""

    def close(self) -> None:
        """End all nodes."""
        for number in list(self._running):
            self.kill(number)
