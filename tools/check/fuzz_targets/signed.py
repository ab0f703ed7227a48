"""Readers of signed data and trust: passports, ledgers, trusted keys."""

import json
from functools import cache
from hashlib import sha256

from reedmesh.identity import trust_store
from reedmesh.provenance import dsse, ledger, passport
from reedmesh.provenance.ledger import Entry, Row
from reedmesh.provenance.passport import Maker, Passport
from tools.check.fuzz_targets.target import CONFIG, KEY, WIRE, Target, folder, input_file


@cache
def _passport() -> bytes:
    made = Passport(
        "ab" * 32, "cd" * 32, "press", "f" * 16, Maker("hall1", "1a2b"), "2026-01-01T00:00:00Z", {"ADD": 1}, {}
    )
    return passport.sign(made, KEY)


def statements() -> list[bytes]:
    """The content of passports."""
    return [dsse.unseal(_passport(), passport.ENVELOPE, [KEY.public])[0]]


def take_statement(data: bytes) -> None:
    """As if it were signed."""
    found = passport.verify(dsse.seal(passport.ENVELOPE, data, KEY, ""), [KEY.public])
    assert found.lines() and found.faults("press", "f" * 16, b"", b"")


def take_head(data: bytes) -> None:
    """A head of a ledger; then its hash signed, as by a neighbour that lies."""
    size = len(data) // 32 * 32
    before, tail = data[:32].ljust(32, b"\0"), tuple(data[at : at + 32] for at in range(32, size, 32))
    number = len(data)
    hashed = ledger.Checkpoint("hall2", number, b"", b"", before, tail).hashes()[number]
    signature = KEY.signature(ledger.signed_text("hall2", number, hashed))
    lie = ledger.Checkpoint("hall2", number, hashed, signature, before, tail)
    ledger.forks({number - 1: bytes(32)}, ledger.unpack_checkpoint(ledger.pack_checkpoint(lie), [KEY.public]))
    ledger.unpack_checkpoint(data, [KEY.public])


def _head() -> bytes:
    hashed = ledger.link(ledger.origin("hall2"), sha256(b"{}").digest())
    signature = KEY.signature(ledger.signed_text("hall2", 1, hashed))
    return ledger.pack_checkpoint(
        ledger.Checkpoint("hall2", 1, hashed, signature, ledger.origin("hall2"), (sha256(b"{}").digest(),))
    )


def take_ledger(data: bytes) -> None:
    """Rows of a database that somebody wrote into."""
    rows = [Row(i + 1, text, sha256(text).digest(), data[:64]) for i, text in enumerate(data.split(b"\n", 7))]
    assert ledger.verify("hall1", rows, [KEY.public]).entries
    assert all(isinstance(ledger.read(row), dict) for row in rows)


def take_trust(data: bytes) -> None:
    """trust.json, and who is trusted then."""
    input_file(data).replace(folder() / trust_store.FILE)
    known = trust_store.Trust(folder(), {})
    for name in known.names():
        known.of(name)


def trusts() -> list[bytes]:
    """As it is written."""
    key = KEY.public.hex()
    table = {"trusted": {"hall2": [key]}, "revoked": [key], "until": {key: 1.5}, "appointed": {key: key}}
    return [json.dumps(table).encode()]


TARGETS = {
    "envelope of a passport": Target(lambda data: passport.verify(data, [KEY.public]), WIRE, lambda: [_passport()]),
    "passport": Target(take_statement, WIRE, statements, weight=3),
    "head": Target(take_head, WIRE, lambda: [_head(), bytes(96)], weight=3),
    "ledger": Target(take_ledger, (), lambda: [Entry("taken", "hall2").text(1, 5.0) + b'\n{"at": 1e9}'], weight=3),
    "trust.json": Target(take_trust, CONFIG, trusts, weight=3),
}
