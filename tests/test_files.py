"""The list of what goes on a device names every file of the firmware, and nothing that is not there."""

import tomllib
from pathlib import Path

from tools import device

ROOT = Path(__file__).parent.parent


def test_the_list_is_complete() -> None:
    listed = tomllib.loads(device.LIST.read_text())["files"]
    ours = {str(path.relative_to(ROOT)) for path in (ROOT / "firmware").rglob("*.py")}
    assert {here for here in listed.values() if here.startswith("firmware/")} == ours
    assert all(
        here.removeprefix("firmware/").removeprefix("gateway/reedmesh/") == there for there, here in listed.items()
    )


def test_a_device_is_assembled_from_it(tmp_path: Path) -> None:
    device.assemble(tmp_path)
    assert (tmp_path / "wire.py").read_bytes() == (ROOT / "gateway" / "reedmesh" / "wire.py").read_bytes()
    assert (tmp_path / "sensors" / "replay.py").exists()
