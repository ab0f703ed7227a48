"""Who is believed changes while the gateway runs: rotated keys overlap, a revoked one is gone at once and for good."""

import asyncio
import os
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from reedmesh.__main__ import main
from reedmesh.errors import ConfigError, WireError
from reedmesh.identity import keys, keystore, succession
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.keys import Key
from reedmesh.identity.succession import Succession
from reedmesh.identity.trust_store import DAY, MOST_KEPT, MOST_KEYS, Trust
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Message
from reedmesh.protocol import shards
from tests.identity.test_keys import manifest
from tests.support.neighbours import FAMILY, Gateway, hearing, key_of, running, settle

OLD, NEW, THIEF = (Key(bytes([i]) * 32) for i in range(1, 4))


def settings(folder: Path, name: str = "hall1", neighbour: Key = OLD) -> str:
    path = folder / "reedmesh.toml"
    pinned = f'[[neighbours]]\nname = "hall2"\nhost = "127.0.0.1"\nkey = "{neighbour.public.hex()}"\n'
    path.write_text(f'name = "{name}"\nstate = "{folder / "state"}"\n{pinned}')
    return str(path)


def ring(folder: Path) -> Keyring:
    pinned = {"hall2": OLD.public}
    return Keyring(pinned, Trust(folder, pinned))


def appointed(old: Key, new: Key, name: str = "hall2", days: float = 1) -> bytes:
    said = Succession(name, int(time.time() + days * 86400), old.public, new.public)
    return succession.pack(said, old.signature(said.text()), new.signature(said.text()))


def signed(key: Key) -> shards.Manifest:
    return shards.unpack_manifest(key.sign(manifest()))


def test_a_key_that_the_old_one_appointed_counts_beside_it_until_the_old_one_ends(tmp_path: Path) -> None:
    known = ring(tmp_path)
    with pytest.raises(WireError):
        known.check(signed(NEW))
    known.succeed("hall2", appointed(OLD, NEW))
    for again in (known, ring(tmp_path)):
        assert again.check(signed(NEW)) == NEW.public and again.check(signed(OLD)) == OLD.public
        assert again.of("hall2") == [NEW.public, OLD.public]
    assert known.of("hall2") == [NEW.public, OLD.public]


def test_a_succession_cannot_end_the_old_key_at_once_nor_keep_it_for_years(tmp_path: Path) -> None:
    for days, least, most in ((-1, 0.9, 1.1), (5, 4.9, 5.1), (9000, 89, 91)):
        now = time.time()
        trust = Trust(tmp_path / str(days), {"hall2": OLD.public}, lambda: now)  # noqa: B023
        Keyring({}, trust).succeed("hall2", appointed(OLD, NEW, days=days))
        now += least * DAY
        assert trust.of("hall2") == [NEW.public, OLD.public]
        now += (most - least) * DAY
        assert trust.of("hall2") == [NEW.public]


def test_a_key_appoints_one_successor_and_the_second_is_refused_by_name(tmp_path: Path) -> None:
    known = ring(tmp_path)
    known.succeed("hall2", appointed(OLD, NEW))
    known.succeed("hall2", appointed(OLD, NEW, days=3))  # said again, with other words
    with pytest.raises(WireError, match=f"has appointed {NEW.public.hex()} already"):
        known.succeed("hall2", appointed(OLD, THIEF))
    assert known.of("hall2") == [NEW.public, OLD.public]


@pytest.mark.parametrize(("first", "second"), [(THIEF, THIEF), (OLD, OLD), (NEW, OLD)])
def test_a_succession_that_not_both_keys_signed_is_refused(tmp_path: Path, first: Key, second: Key) -> None:
    known, said = ring(tmp_path), Succession("hall2", int(time.time() + DAY), OLD.public, NEW.public)
    with pytest.raises(WireError, match="not signed by both keys"):
        known.succeed("hall2", succession.pack(said, first.signature(said.text()), second.signature(said.text())))
    known.succeed("hall2", appointed(OLD, NEW))
    with pytest.raises(WireError):  # a thief who holds the key it wants trusted
        text = Succession("hall2", said.until, NEW.public, THIEF.public).text()
        frame = succession.pack(replace(said, old=NEW.public, new=THIEF.public), *(THIEF.signature(text),) * 2)
        known.succeed("hall2", frame)
    assert known.of("hall2") == [NEW.public, OLD.public]


def test_a_chain_of_successions_fills_neither_the_list_nor_the_disk(tmp_path: Path) -> None:
    now = time.time()
    trust = Trust(tmp_path, {"hall2": OLD.public}, lambda: now)
    known, chain, refused = Keyring({}, trust), [OLD], 0
    for n in range(300):
        new = Key(n.to_bytes(32, "big"))
        try:
            known.succeed("hall2", appointed(chain[-1], new))
            chain.append(new)
        except WireError:
            refused += 1
    assert len(trust.of("hall2")) == MOST_KEYS and refused == 300 - (MOST_KEYS - 1)
    for n in range(300, 400):  # and over months it goes on
        now += 91 * DAY
        known.succeed("hall2", appointed(chain[-1], new := Key(n.to_bytes(32, "big"))))
        chain.append(new)
    assert trust.of("hall2") == [new.public, chain[-2].public] and len(trust.ever("hall2")) <= MOST_KEPT + 1
    assert (tmp_path / "trust.json").stat().st_size < 40_000


def test_a_disk_that_takes_nothing_refuses_a_succession_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = ring(tmp_path)
    monkeypatch.setattr(os, "rename", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(WireError, match="No space left"):
        known.succeed("hall2", appointed(OLD, NEW))
    assert known.of("hall2") == [OLD.public]
    monkeypatch.undo()
    known.succeed("hall2", appointed(OLD, NEW))
    assert known.of("hall2") == [NEW.public, OLD.public]


@pytest.mark.parametrize(
    "frame",
    [
        appointed(THIEF, NEW),
        appointed(OLD, NEW, "hall3"),
        appointed(OLD, NEW)[:-1],
        appointed(OLD, NEW)[:-64] + appointed(OLD, THIEF)[-64:],
        b"",
    ],
)
def test_nobody_appoints_a_key_but_its_predecessor_and_itself(tmp_path: Path, frame: bytes) -> None:
    known = ring(tmp_path)
    with pytest.raises(WireError, match="succession"):
        known.succeed("hall2", frame)
    assert known.of("hall2") == [OLD.public]


def test_what_is_revoked_is_gone_at_once_with_all_it_appointed_and_stays_so(tmp_path: Path) -> None:
    known = ring(tmp_path)
    known.succeed("hall2", appointed(OLD, NEW))
    assert set(Trust(tmp_path, {}).revoke(OLD.public)) == {OLD.public, NEW.public}  # another process does
    for again in (known, ring(tmp_path)):
        assert "hall2" not in again
        for key in (OLD, NEW):
            with pytest.raises(WireError):
                again.check(signed(key))
        with pytest.raises(WireError):
            again.succeed("hall2", appointed(OLD, NEW))
    with pytest.raises(ConfigError, match="was revoked"):
        Trust(tmp_path, {}).trust("hall2", NEW.public)


def test_a_damaged_list_stops_the_gateway_instead_of_believing_the_revoked(tmp_path: Path) -> None:
    Trust(tmp_path, {}).revoke(OLD.public)
    for text in ("", "[]", '{"revoked": ["zz"]}', '{"other": 1}', '{"trusted": 3}'):
        (tmp_path / "trust.json").write_text(text)
        with pytest.raises(ConfigError, match=r"trust\.json"):
            ring(tmp_path).of("hall2")


def test_the_command_line_shows_trusts_rotates_and_revokes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = settings(tmp_path)
    assert main(["keys", "show", config]) == 0
    before = capsys.readouterr().out
    assert keystore.load(tmp_path / "state").public.hex() in before and keys.fingerprint(OLD.public) in before
    assert main(["keys", "trust", "hall2", NEW.public.hex(), config]) == 0
    assert main(["keys", "trust", "hall3", THIEF.public.hex(), config]) == 0
    assert main(["keys", "revoke", "hall3", config]) == main(["keys", "revoke", OLD.public.hex(), config]) == 0
    capsys.readouterr()
    main(["keys", "show", config])
    said = capsys.readouterr().out
    assert re.search(f"trusts hall2: {NEW.public.hex()}", said) and "trusts no key of hall3" in said
    assert said.count("revoked: ") == 2 and f"trusts hall2: {OLD.public.hex()}" not in said
    assert main(["keys", "trust", "hall2", OLD.public.hex(), config]) == 2
    assert main(["keys", "revoke", "nobody", config]) == 2
    first = keystore.load(tmp_path / "state")
    assert main(["keys", "rotate", config]) == 0
    rotated = keystore.load(tmp_path / "state")
    assert rotated.public != first.public
    old = keystore.previous(tmp_path / "state")
    assert old is not None and old.public == first.public
    frame = keystore.appointment(tmp_path / "state")
    assert frame is not None
    neighbour = Keyring({"hall1": first.public}, Trust(tmp_path / "neighbour", {"hall1": first.public}))
    neighbour.succeed("hall1", frame)
    assert neighbour.of("hall1") == [rotated.public, first.public]


def test_a_sensor_that_was_revoked_is_heard_no_more_until_it_has_a_new_key(tmp_path: Path) -> None:
    from reedmesh.identity.sensor_keys import SensorKeys

    config, known = settings(tmp_path), SensorKeys(tmp_path / "state")
    key = known.made_for("press")
    assert main(["sensors", "revoke", "press", config]) == 0
    assert known.of("press") is None and known.revoked() == {"press"} and known.names() == []
    assert main(["sensor-key", "press", config]) == 0
    assert known.revoked() == frozenset() and known.of("press") not in (None, key)
    assert main(["sensors", "revoke", "../press", config]) == 2


def test_updates_cross_over_a_rotation_and_stop_at_a_revocation(tmp_path: Path) -> None:
    async def story() -> None:
        theirs, mine = MemoryBroker(), MemoryBroker()
        pinned = {"hall2": key_of("hall2").public}
        trust = Trust(tmp_path, pinned)
        receiver = Gateway("hall1", [mine.link()], ["hall2"])
        receiver.exchange._keys = Keyring(pinned, trust)
        old = Gateway("hall2", [theirs.link()], ["hall1"])
        new = Gateway("hall2", [theirs.link()], ["hall1"], key=NEW)
        async with running(
            (receiver, [hearing(theirs, "hall2")]), (old, [hearing(mine, "hall1")]), (new, [hearing(mine, "hall1")])
        ):
            await old.sender.publish(FAMILY, 1, 1, b"signed with the old key")
            await receiver.until(lambda: len(receiver.got) == 1)
            await new.sender.publish(FAMILY, 2, 2, b"signed with a key nobody knows")
            await settle(lambda: receiver.exchange.rejects.total > 0)
            frame = appointed(key_of("hall2"), NEW)
            theirs.deliver(Message(f"reedmesh/hall2/update/{FAMILY}/key", frame, qos=1, retain=True))
            await new.sender.publish(FAMILY, 3, 3, b"signed with its successor")
            await receiver.until(lambda: len(receiver.got) == 2)
            trust.revoke(key_of("hall2").public)
            rejected = receiver.exchange.rejects.total
            await new.sender.publish(FAMILY, 4, 4, b"signed with a key that was revoked")
            await settle(lambda: receiver.exchange.rejects.total > rejected)
        assert [each.manifest.sequence for each in receiver.got] == [1, 3]

    asyncio.run(story())
