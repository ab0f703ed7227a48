"""Envelopes: whom they are for opens them, whoever else learns nothing but which power of two they are long."""

import hmac

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st

from reedmesh.errors import WireError
from reedmesh.identity import ed25519, envelope
from reedmesh.identity.envelope import seal, size_of, unseal
from reedmesh.protocol.shards import MAX_LENGTH

RFC_A_2_1 = {
    "skRm": "8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb",
    "enc": "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a",
    "info": "4f6465206f6e2061204772656369616e2055726e",
    "aad": "436f756e742d30",
    "pt": "4265617574792069732074727574682c20747275746820626561757479",
    "ct": "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28",
}
OWN = [ed25519.private_twin(bytes([i]) * 32) for i in range(12)]
PUBLIC = [key.public_key() for key in OWN]
CONTEXT = b"reedmesh sealed\0federation\0family\0sender\0"


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=5000), st.integers(1, 9), st.data())
def test_each_reader_opens_what_was_sealed_and_nobody_else(payload: bytes, readers: int, data: st.DataObject) -> None:
    made = seal(payload, PUBLIC[:readers], CONTEXT)
    chosen = data.draw(st.integers(0, readers - 1))
    assert unseal(made, [OWN[chosen]], CONTEXT) == payload
    assert unseal(made, [OWN[11], OWN[chosen]], CONTEXT) == payload  # one of ours, be it the key before
    with pytest.raises(WireError, match="not for this gateway"):
        unseal(made, [OWN[10], OWN[11]], CONTEXT)


def test_nobody_at_all_may_be_the_reader() -> None:
    with pytest.raises(WireError, match="not for this gateway"):
        unseal(seal(b"x", [], CONTEXT), OWN, CONTEXT)


def test_only_the_power_of_two_shows() -> None:
    for length in (0, 1, 300, 311, 312, 4000, 100_000):
        sizes = {len(seal(bytes(length), PUBLIC[:readers], CONTEXT)) for readers in (0, 1, 5, 8)}
        (size,) = sizes
        assert size == size_of(length, 8) and size >= 1024 and size & (size - 1) == 0
    assert {len(seal(bytes(length), PUBLIC[:2], CONTEXT)) for length in range(329, 1353, 31)} == {2048}
    assert seal(b"x", PUBLIC[:1], CONTEXT) != seal(b"x", PUBLIC[:1], CONTEXT)


def test_what_does_not_fit_is_refused_before_it_is_made() -> None:
    with pytest.raises(WireError, match="do not fit"):
        seal(bytes(MAX_LENGTH - 100), PUBLIC[:1], CONTEXT)
    with pytest.raises(WireError, match="248 are the most"):
        seal(b"x", PUBLIC[:1] * 249, CONTEXT)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1023), st.integers(1, 255))
def test_no_byte_of_an_envelope_can_be_changed(at: int, change: int) -> None:
    made = bytearray(ENVELOPE)
    made[at] ^= change
    try:
        unseal(bytes(made), OWN[:1], CONTEXT)
    except WireError:
        return
    raise AssertionError(f"byte {at} may be anything")


ENVELOPE = seal(b"what was learnt", PUBLIC[:8], CONTEXT)


@pytest.mark.parametrize("context", [CONTEXT[:-1], CONTEXT + b"\0", CONTEXT.replace(b"sender", b"bender"), b""])
def test_an_envelope_under_another_manifest_is_refused(context: bytes) -> None:
    with pytest.raises(WireError, match="not what its manifest says"):
        unseal(ENVELOPE, OWN[:1], context)


@given(st.binary(max_size=3000))
def test_junk_is_refused(junk: bytes) -> None:
    for frame in (junk, b"\1" + junk, b"\1\1\0\0" + junk, ENVELOPE[: len(junk)]):
        with pytest.raises(WireError, match="sealed:"):
            unseal(frame, OWN[:2], CONTEXT)


def test_a_sender_cannot_give_two_readers_two_payloads_in_one_envelope() -> None:
    """Wraps of another content key, for the second reader: the commitment does not let it through."""
    first = seal(b"one", PUBLIC[:1], CONTEXT)
    wraps = [envelope._SUITE.encrypt(bytes(32), PUBLIC[1], CONTEXT)] * 8
    start = envelope._HEADER.size
    made = first[:start] + b"".join(wraps) + first[start + 8 * envelope.WRAP :]
    with pytest.raises(WireError, match="commits to"):
        unseal(made, [OWN[1]], CONTEXT)


def test_a_wrapped_key_is_as_rfc_9180_has_it() -> None:
    """The library knows no aad, which the RFC's vectors have: they check what is below, and that the library."""
    key = X25519PrivateKey.from_private_bytes(bytes.fromhex(RFC_A_2_1["skRm"]))
    enc, ct, info, aad, pt = (bytes.fromhex(RFC_A_2_1[name]) for name in ("enc", "ct", "info", "aad", "pt"))
    assert rfc_9180(enc, ct, key, info, aad) == pt
    made = envelope._SUITE.encrypt(pt, key.public_key(), info)
    assert rfc_9180(made[:32], made[32:], key, info, b"") == pt


def rfc_9180(enc: bytes, ct: bytes, key: X25519PrivateKey, info: bytes, aad: bytes) -> bytes:
    """RFC 9180, 4.1 and 5.1: base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305."""
    kem, suite = b"KEM\0\x20", b"HPKE\0\x20\0\1\0\3"
    shared = key.exchange(X25519PublicKey.from_public_bytes(enc))
    extracted = extract(b"", kem, b"eae_prk", shared)
    secret = expand(extracted, kem, b"shared_secret", enc + key.public_key().public_bytes_raw(), 32)
    context = b"\0" + extract(b"", suite, b"psk_id_hash", b"") + extract(b"", suite, b"info_hash", info)
    schedule = extract(secret, suite, b"secret", b"")
    nonce = expand(schedule, suite, b"base_nonce", context, 12)
    return ChaCha20Poly1305(expand(schedule, suite, b"key", context, 32)).decrypt(nonce, ct, aad)


def extract(salt: bytes, suite: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")


def expand(prk: bytes, suite: bytes, label: bytes, info: bytes, length: int) -> bytes:
    text = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(prk, text + b"\1", "sha256")[:length]


def test_the_twin_of_a_key_is_what_libsodium_makes_of_it() -> None:
    """The vector of its test ed25519_convert."""
    seed = bytes.fromhex("421151a459faeade3d247115f94aedae42318124095afabe4d1451a559faedee")
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    expected = "f1814f0e8ff1043d8a44d25babff3cedcae6c22c3edaa48f857ae70de2baae50"
    assert ed25519.twin(public).public_bytes_raw().hex() == expected
    assert ed25519.private_twin(seed).public_key().public_bytes_raw().hex() == expected


@given(st.binary(min_size=32, max_size=32))
def test_both_halves_of_a_key_have_the_same_twin(seed: bytes) -> None:
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    assert ed25519.twin(public) == ed25519.private_twin(seed).public_key()


@pytest.mark.parametrize("none", [bytes(32), b"\1" + bytes(31), b"\xff" * 32, bytes(31), bytes(33)])
def test_what_is_no_key_has_no_twin(none: bytes) -> None:
    with pytest.raises(ValueError, match="no Ed25519 key"):
        ed25519.twin(none)
