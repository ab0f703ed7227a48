import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from reedmesh.archive import paper, sealed
from reedmesh.archive.paper import Paper, Place
from reedmesh.errors import ConfigError, WireError

PLACES = (Place("g1", "192.168.4.2", 8883, "5" * 64, b"c" * 32), Place("g2", "hall2.local", 1883, "", None))
PAPER = Paper("g0", bytes(range(16)), PLACES)


@settings(max_examples=50)
@given(
    st.binary(min_size=16, max_size=16),
    st.lists(st.sampled_from(PLACES), max_size=3),
    st.from_regex("[a-z0-9_-]{1,32}", fullmatch=True),
)
def test_a_code_says_what_it_was_made_of(secret: bytes, places: list[Place], name: str) -> None:
    it = Paper(name, secret, tuple(places))
    assert paper.read(paper.code(it)) == it


def test_a_code_may_be_typed_with_spaces_capitals_and_misread_digits() -> None:
    typed = paper.code(PAPER)[4:].upper().replace("-", " ").replace("O", "0").replace("I", "1").replace("B", "8")
    assert paper.read("RR1 " + typed) == PAPER


def test_every_mistyped_character_is_found() -> None:
    code = paper.code(PAPER)
    for at, char in enumerate(code):
        if char == "-":
            continue
        other = "a" if char != "a" else "c"
        with pytest.raises(ConfigError):
            paper.read(code[:at] + other + code[at + 1 :])


@given(st.text(max_size=100))
def test_noise_is_no_code(noise: str) -> None:
    for text in (noise, "rr1-" + noise):
        with pytest.raises(ConfigError):
            paper.read(text)


def test_a_backup_opens_for_the_code_and_only_the_gateway_can_have_made_it() -> None:
    reader = X25519PublicKey.from_public_bytes(PAPER.public)
    content = sealed.pack_backup(b"name = 1", b"tar" * 1000, PAPER.proof)
    closed = sealed.seal(content, "g0", "backup", [reader])
    opened = sealed.unseal(closed, "g0", "backup", [PAPER.opens])
    assert sealed.unpack_backup(opened, PAPER.proof) == (b"name = 1", b"tar" * 1000)
    with pytest.raises(WireError, match="not made by"):
        forged = sealed.pack_backup(b"name = 1", b"tar", bytes(32))
        sealed.unpack_backup(forged, PAPER.proof)
    with pytest.raises(WireError):
        sealed.unseal(closed, "g1", "backup", [PAPER.opens])
    with pytest.raises(WireError):
        sealed.unseal(closed, "g0", "backup", [Paper("g0", bytes(16), ()).opens])


def test_a_backup_that_does_not_end_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "LARGEST", 10_000)
    content = sealed.pack_backup(b"", bytes(20_000), PAPER.proof)
    with pytest.raises(WireError, match="more than"):
        sealed.unpack_backup(content, PAPER.proof)
