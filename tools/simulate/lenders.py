"""Real gateways that lend each other computing: a process and a mosquitto each, on loopback."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reedmesh.commands.client import ask
from reedmesh.config.settings import Config, load_config
from reedmesh.errors import RefusedError
from reedmesh.identity import keystore
from reedmesh.store import database, lending_table
from tools.simulate import mosquitto
from tools.simulate.free_ports import free_ports

PATIENCE = 120.0  # seconds for a start, on a machine that may be busy
LENDS = "\n[jobs]\nlend = true\nbusy = 1.0\nhot = 120.0\n"
LINES = ("listener {port} 127.0.0.1", "allow_anonymous true", "set_tcp_nodelay true")


@dataclass
class Hall:
    """One of them."""

    name: str
    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def config(self) -> Config:
        """Its settings."""
        return load_config(self.folder / "reedmesh.toml")

    @property
    def state(self) -> Path:
        """Its state directory."""
        return self.folder / "state"

    def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """As `reedmesh` asks it."""
        return ask(self.config, verb, arguments)

    def start(self) -> None:
        """Begin, or begin anew."""
        words = [sys.executable, "-m", "reedmesh", "run", str(self.folder / "reedmesh.toml")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log)

    def ready(self) -> None:
        """Wait until it answers; raises TimeoutError."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self.ask("jobs")
                return
            except RefusedError as error:
                if time.monotonic() > until:
                    raise TimeoutError(f"{self.name}: {(self.folder / 'log').read_text()[-2000:]}") from error


@contextmanager
def halls(folder: Path, names: Sequence[str], settings: str = LENDS) -> Iterator[dict[str, Hall]]:
    """Those of `names`, all neighbours of each other, ready; settings: more of their configuration."""
    program = mosquitto.program()
    assert program, "no mosquitto found: apt install mosquitto"
    found = {name: Hall(name, folder / name, port) for name, port in zip(names, free_ports(len(names)), strict=True)}
    with ExitStack() as stack:
        for each in found.values():
            _configure(each, found, settings)
            lines = each.folder / "mosquitto.conf"
            lines.write_text("\n".join(LINES).format(port=each.port) + "\n")
            broker = subprocess.Popen([str(program), "-c", str(lines)], stderr=subprocess.DEVNULL)
            stack.callback(_end, broker)
        for each in found.values():
            each.start()
            stack.callback(lambda it=each: _end(it.process))  # type: ignore[misc]
        for each in found.values():
            each.ready()
        yield found


def balance(found: dict[str, Hall]) -> int:
    """Ms lent less ms borrowed, over all: 0 where their accounts agree."""
    total = 0
    for each in found.values():
        with database.reading(each.state) as db:
            total += sum(it.lent - it.borrowed for it in lending_table.accounts(db).values())
    return total


def _configure(it: Hall, every: dict[str, Hall], settings: str) -> None:
    it.folder.mkdir(parents=True, exist_ok=True)
    text = f'name = "{it.name}"\nstate = "{it.state}"\n[broker]\nport = {it.port}\nanonymous = true\n{settings}'
    for other in every.values():
        if other is not it:
            key = keystore.load(other.state).public.hex()
            text += f'\n[[neighbours]]\nname = "{other.name}"\nhost = "127.0.0.1"\nport = {other.port}\nkey = "{key}"\n'
    (it.folder / "reedmesh.toml").write_text(text)


def _end(process: "subprocess.Popen[bytes] | None") -> None:
    if process:
        process.kill()
        process.wait()
