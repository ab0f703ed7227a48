"""Keys are made once, whole, and for their owner alone; only a neighbour's own signature lets a manifest in."""

import stat
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from reedmesh.__main__ import main
from reedmesh.errors import ConfigError, WireError
from reedmesh.identity import keyring, keys, keystore
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.keys import Key
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.protocol import shards
from reedmesh.protocol.shards import Manifest, Shape

OURS, THEIRS, STRANGE = (Key(bytes([i]) * 32) for i in range(3))
RING = Keyring({"hall1": OURS.public, "hall2": THEIRS.public})


def manifest(sender: str = "hall2") -> Manifest:
    made = Manifest(Shape(2, 4, 8), sha256(b"payload").digest(), "vibration", sender, 3, 2)
    made.hashed, made.hashes = 3, bytes(48)
    return made


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    made = keystore.load(tmp_path / "state")
    assert stat.S_IMODE((tmp_path / "state" / "key").stat().st_mode) == 0o600
    assert keystore.load(tmp_path / "state").public == made.public
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["key"]
    assert keystore.load(tmp_path / "other").public != made.public


def test_starting_twice_at_once_makes_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = {key.public for key in threads.map(keystore.load, [tmp_path] * 32)}
    assert len(made) == 1


def test_a_key_that_others_can_read_or_that_is_cut_is_refused(tmp_path: Path) -> None:
    keystore.load(tmp_path)
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(ConfigError, match="others may read it"):
        keystore.load(tmp_path)
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "key").write_bytes(bytes(31))
    with pytest.raises(ConfigError, match="31 bytes"):
        keystore.load(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file"):
        keystore.load(tmp_path / "file")


def test_fingerprints_and_public_keys_are_text_for_people() -> None:
    assert keys.read_public(OURS.public.hex()) == OURS.public
    assert len({keys.fingerprint(key.public) for key in (OURS, THEIRS, STRANGE)}) == 3
    assert keys.fingerprint(bytes(32)) == "6668-7aad-f862-bd77-6c8f-c18b-8e9f-8e20"
    for wrong in ("", "zz" * 32, "00" * 31):
        with pytest.raises(ValueError):
            keys.read_public(wrong)


def test_a_neighbours_own_signature_lets_its_manifest_in() -> None:
    RING.check(shards.unpack_manifest(THEIRS.sign(manifest())))
    for key, sender in [(OURS, "hall2"), (STRANGE, "hall2"), (THEIRS, "hall3"), (THEIRS, "hall1")]:
        with pytest.raises(WireError, match="neighbour"):
            RING.check(shards.unpack_manifest(key.sign(manifest(sender))))
    with pytest.raises(WireError, match="without a signature"):
        RING.check(shards.unpack_manifest(shards.pack_manifest(manifest())))


def test_a_signature_counts_in_its_federation_only_and_for_two_days() -> None:
    now = 1_790_000_000.0
    ring = Keyring({"hall2": THEIRS.public}, federation="north", clock=lambda: now)
    for age in (0, -keyring.AHEAD, keyring.LIFE):
        ring.check(shards.unpack_manifest(THEIRS.sign(manifest(), "north", now - age)))
    for age in (-keyring.AHEAD - 1, keyring.LIFE + 1):
        with pytest.raises(WireError, match="replayed, or a clock is wrong"):
            ring.check(shards.unpack_manifest(THEIRS.sign(manifest(), "north", now - age)))
    for other in ("south", "nort", "north2"):
        with pytest.raises(WireError, match="in federation north"):
            ring.check(shards.unpack_manifest(THEIRS.sign(manifest(), other, now)))
    signed = shards.unpack_manifest(THEIRS.sign(manifest(), "north", now - keyring.LIFE - 1))
    signed.seal = int(now).to_bytes(8, "little") + signed.seal[8:]
    with pytest.raises(WireError, match="not signed"):  # nobody makes an old one young
        ring.check(signed)


def test_a_signature_of_anything_else_is_none_of_a_manifest() -> None:
    """What a gateway signs begins with its purpose, so that nobody can have it sign a manifest unawares."""
    body = manifest()
    body.seal_kind = shards.ED25519
    stamp = int(time.time()).to_bytes(8, "little")
    for text in (body.body(), body.body() + stamp, b"reedmesh succession\0" + body.body() + stamp):
        frame = shards.pack_manifest(body, stamp + THEIRS.signature(text))
        with pytest.raises(WireError, match="not signed"):
            RING.check(shards.unpack_manifest(frame))


def test_no_bit_of_a_signed_manifest_can_be_changed() -> None:
    frame = THEIRS.sign(manifest())
    for at in range(len(frame)):
        bent = bytearray(frame)
        bent[at] ^= 1
        with pytest.raises(WireError):
            RING.check(shards.unpack_manifest(bytes(bent)))


def test_a_sensors_key_is_made_once_and_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "reedmesh.toml"
    settings.write_text(f'name = "gw"\nstate = "{tmp_path / "state"}"\n')
    known = SensorKeys(tmp_path / "state")
    assert known.of("press") is None
    assert main(["sensor-key", "press", str(settings)]) == main(["sensor-key", "press", str(settings)]) == 0
    first, second = capsys.readouterr().out.split()
    assert first == second == known.made_for("press").hex() and known.of("press") == bytes.fromhex(first)
    assert known.made_for("fan") != known.made_for("press")
    assert (tmp_path / "state" / "sensors" / "press").stat().st_mode & 0o777 == 0o600
    assert main(["sensor-key", "../key", str(settings)]) == 2


def test_a_sensors_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    SensorKeys(tmp_path).made_for("press")
    (tmp_path / "sensors" / "press").chmod(0o644)
    with pytest.raises(ConfigError, match="others may read it"):
        SensorKeys(tmp_path).of("press")
