"""The running processes of a small factory: those that begin, those that come later, and the end of them all."""

import asyncio
import contextlib
import shutil
import signal
import subprocess
from collections.abc import Collection, Coroutine

from reedmesh.errors import ReedmeshError
from tools.simulate import factory, gripper, mosquitto, noisy_serial
from tools.simulate.layout import Plan

FLIPS, DROPS = 1e-4, 1e-4  # of the bits and of the bytes on the wire of the sensor that has one: a bad cable
LOOK = 0.5  # seconds between two looks whether a process has ended


class Line:
    """The processes of a plan; leaving the context ends them. rate: windows a second and machine; page: its port."""

    def __init__(self, plan: Plan, rate: float, page: int) -> None:
        self._plan = plan
        self._rate = rate
        self._page = page
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._wires = contextlib.ExitStack()

    def __enter__(self) -> "Line":
        """Make the folder anew, and start the web page; gateways and sensors are started when they are due."""
        shutil.rmtree(self._plan.folder, ignore_errors=True)
        self._plan.folder.mkdir(parents=True)
        for machine in self._plan.machines:
            if machine.wired:
                machine.ends = self._wires.enter_context(noisy_serial.line(FLIPS, DROPS))
        if self._page:
            self._processes["web page"] = factory.start_page(self._plan, self._page)
        return self

    def __exit__(self, *_: object) -> None:
        """Ask every process to end, then make it."""
        for process in reversed(self._processes.values()):
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        self._wires.close()

    def start_gateways(self, gateways: Collection[str]) -> None:
        """Start gateways; those that run already learn of them as neighbours, as on `systemctl reload`."""
        running = [name for name in self._plan.ports if f"gateway {name}" in self._processes]
        together = [*running, *gateways]
        for name in together:
            factory.write_config(self._plan, name, together)
        for name in gateways:
            self._start(name)
        for name in running:
            self._reload(name)

    def _start(self, name: str) -> None:
        """Start a gateway, and its broker before it."""
        factory.prepare_gateway(self._plan, name)
        if self._plan.mosquitto:
            self._processes[f"broker {name}"] = mosquitto.start(self._plan.mosquitto, self._plan.folder / name)
        self._processes[f"gateway {name}"] = factory.start_gateway(self._plan, name)

    def _reload(self, name: str) -> None:
        """Have a gateway read its config again, and its broker the list of who may log in."""
        if self._plan.mosquitto:
            mosquitto.write(self._plan.folder / name)
            self._processes[f"broker {name}"].send_signal(signal.SIGHUP)
        self._processes[f"gateway {name}"].send_signal(signal.SIGHUP)

    def start_sensors(self, gateways: Collection[str]) -> list[Coroutine[object, object, None]]:
        """Start the sensors of gateways; returns a coroutine for each machine, which lets it run."""
        feeds = []
        for machine in self._plan.machines:
            if machine.gateway in gateways:
                process, pipe = factory.start_sensor(self._plan, machine)
                self._processes[f"sensor {machine.name}"] = process
                feeds.append(machine.feed(pipe, self._rate))
        station = self._plan.station
        if station and station.gateway in gateways:
            process, pipe = factory.start_station(self._plan, station)
            self._processes[f"sensor {gripper.NAME}"] = process
            feeds.append(station.feed(pipe, self._plan.ports[station.gateway], self._plan.folder / station.gateway))
        return feeds

    async def broken(self) -> None:
        """Return never; raises ReedmeshError when a process ends by itself, with its last words."""
        while all(process.poll() is None for process in self._processes.values()):
            await asyncio.sleep(LOOK)
        name, process = next((n, p) for n, p in self._processes.items() if p.poll() is not None)
        raise ReedmeshError(f"{name} ended with status {process.returncode}: {factory.last_words(self._plan, name)}")
