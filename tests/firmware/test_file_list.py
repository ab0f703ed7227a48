"""Every file of the firmware goes on a device, and the protocol that the gateway shares, each under its own path."""

from pathlib import Path

from reedmesh.protocol import firmware_package
from reedmesh.provisioning import device_tree
from tests.support.paths import ROOT


def test_the_list_is_complete() -> None:
    listed = device_tree.listed()
    ours = set((ROOT / "firmware").rglob("*.py"))
    assert {here for here in listed.values() if here.is_relative_to(ROOT / "firmware")} == ours
    assert {"main.py", "boot_state.py", "app.py", "protocol/wire.py", "drivers/replay.py"} <= set(listed)
    assert all(firmware_package.is_path(there.replace(".py", ".mpy")) for there in listed)


def test_a_device_is_assembled_from_it(tmp_path: Path) -> None:
    device_tree.assemble(tmp_path)
    wire = ROOT / "gateway" / "reedmesh" / "protocol" / "wire.py"
    assert (tmp_path / "protocol" / "wire.py").read_bytes() == wire.read_bytes()
    assert (tmp_path / "drivers" / "replay.py").exists()
