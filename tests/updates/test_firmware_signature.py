"""Firmware that the key of releases did not sign reaches no sensor, whoever puts it on a gateway."""

from pathlib import Path

import pytest

from reedmesh.__main__ import main
from reedmesh.errors import ConfigError, WireError
from reedmesh.identity.keys import Key
from reedmesh.updates import firmware_packages, firmware_signature
from reedmesh.updates.firmware_packages import PackageStore

OURS, THIEF = Key(bytes([1]) * 32), Key(bytes([2]) * 32)
FILES = {"app.mpy": b"M\x06\x2b\x1f" + bytes(9), "tflite/dot.mpy": b"M\x06\x00\x1f"}
PACKAGE = firmware_packages.pack(FILES, 7)


def settings(folder: Path, signer: bytes) -> str:
    path = folder / "reedmesh.toml"
    path.write_text(f'name = "hall1"\nstate = "{folder / "state"}"\n[firmware]\nsigner = "{signer.hex()}"\n')
    return str(path)


def test_what_was_signed_is_taken_and_every_changed_byte_of_it_is_refused() -> None:
    signed = firmware_signature.sign(PACKAGE, OURS)
    assert firmware_signature.checked(signed, OURS.public) == PACKAGE
    assert firmware_signature.sign(signed, OURS) == signed
    for at in range(len(signed)):
        bent = bytearray(signed)
        bent[at] ^= 1
        with pytest.raises(WireError):
            firmware_signature.checked(bytes(bent), OURS.public)


@pytest.mark.parametrize("data", [PACKAGE, firmware_signature.sign(PACKAGE, THIEF)])
def test_unsigned_packages_and_those_of_others_are_refused_where_a_signer_is_set(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "xtensawin.parcel"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=r"\[firmware\] signer is"):
        firmware_packages.put(path, tmp_path, OURS.public)
    assert firmware_packages.put(path, tmp_path).sequence == 7  # without a signer it is as it was
    with pytest.raises(ConfigError, match="signer"):  # and who writes past the command gains nothing
        PackageStore(tmp_path, OURS.public).look()


def test_a_key_is_made_packages_are_signed_and_a_gateway_takes_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, path = tmp_path / "release.key", tmp_path / "xtensawin.parcel"
    path.write_bytes(PACKAGE)
    assert main(["release", "new-key", str(key)]) == 0
    public = bytes.fromhex(capsys.readouterr().out.split('"')[1])
    assert key.stat().st_mode & 0o777 == 0o600
    config = settings(tmp_path, public)
    assert main(["update-sensors", str(path), "--config", config]) != 0
    assert main(["release", "sign", str(path), "--key", str(key)]) == 0
    assert main(["update-sensors", str(path), "--config", config]) == 0
    store = PackageStore(tmp_path / "state", public)
    assert store.look()
    found = store.of("xtensawin-6-1") or next(iter(store._packages.values()))
    assert found.payload == PACKAGE  # sensors get it without the signature


def test_a_key_is_not_replaced_by_mistake(tmp_path: Path) -> None:
    key = tmp_path / "release.key"
    assert main(["release", "new-key", str(key)]) == 0
    before = key.read_bytes()
    assert main(["release", "new-key", str(key)]) != 0 and key.read_bytes() == before
    assert main(["release", "sign", "x", "--key", str(tmp_path / "none")]) != 0
