"""Sensors of firmware 0.1 take this firmware over the air: their main.py stays, and what it starts is another tree."""

import json
import shutil
import subprocess
from pathlib import Path

from reedmesh.provisioning import device_tree
from tests.support.micropython import binary
from tests.support.paths import ROOT
from tests.support.timeouts import PATIENCE
from tools.bench import memory

OLD_MAIN = ROOT / "tests" / "firmware" / "scripts" / "main_0_1.py"


def device(folder: Path) -> Path:
    """A sensor of 0.1 that just installed this firmware in slot b, its own in slot a being gone."""
    memory.sensor(folder, 64)
    (folder / "boot_state.py").unlink()
    shutil.copyfile(OLD_MAIN, folder / "main.py")
    (folder / "fw_a").rename(folder / "fw_b")
    number = device_tree.sequence()
    state = {"slot": "b", "left": 3, "numbers": {"a": 1, "b": number}, "newest": number, "relapse": ""}
    (folder / "firmware.json").write_text(json.dumps(state))
    config = json.loads((folder / "config.json").read_text())
    config["sensor"] = {"driver": "replay", "axes": 3, "rate_hz": 200, "lsb_per_g": 256}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_the_main_of_firmware_0_1_starts_this_firmware(tmp_path: Path) -> None:
    folder = device(tmp_path / "files")
    command = [binary(), str(folder / "main.py"), str(folder)]
    done = subprocess.run(
        command, input=bytes(1200 * 2), capture_output=True, timeout=PATIENCE, env={"MICROPYPATH": f"{folder}:.frozen"}
    )
    said = done.stdout.decode()
    hello = json.loads(next(line for line in said.splitlines() if line.startswith("hello {"))[6:])
    assert hello["tree"]["sequence"] == device_tree.sequence() and not hello["tree"]["proved"]
    assert "the recording ended" in said and json.loads((folder / "firmware.json").read_text())["left"] == 2
