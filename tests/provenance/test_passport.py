"""Passports: what one says comes back, nobody else can have said it, and it is of one model, sensor and family."""

import base64
import json
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from reedmesh.errors import WireError
from reedmesh.inference.learnt import highest_rate
from reedmesh.provenance import dsse, passport
from reedmesh.provenance.passport import Figures, Ingredient, Maker, Passport, Source
from tests.support.neighbours import key_of

KEY = key_of("hall1")
MODEL, WEIGHTS = b"a model", b"weights"
PASSPORT = Passport(
    sha256(MODEL).hexdigest(),
    sha256(WEIGHTS).hexdigest(),
    "press3",
    "0123456789abcdef",
    Maker("hall1", "1a2b"),
    passport.stated(1_790_000_000.7),
    {"FULLY_CONNECTED": 4},
    {"numpy": "2.4.6", "reedmesh": "0.1"},
    (Source("start", "ab" * 32),),
    (Ingredient("hall2", 12, "cd" * 32, 0.25, -0.001),),
    Figures(96, 24, 1.02, 1.93, 0, 0.101),
)


def altered(**changes: object) -> bytes:
    """The envelope with some of its fields replaced."""
    return json.dumps(json.loads(passport.sign(PASSPORT, KEY)) | changes).encode()


def statement(**changes: object) -> bytes:
    """An envelope whose statement differs, and is signed all the same."""
    said = json.loads(base64.b64decode(json.loads(passport.sign(PASSPORT, KEY))["payload"])) | changes
    return dsse.seal(passport.ENVELOPE, json.dumps(said).encode(), KEY, "")


def test_what_a_passport_says_comes_back() -> None:
    plain = replace(PASSPORT, figures=None, merged=(), sources=(), note="of old")
    for each in (PASSPORT, plain):
        assert passport.verify(passport.sign(each, KEY), [KEY.public]) == each
    assert passport.sign(PASSPORT, KEY) == passport.sign(PASSPORT, KEY)
    assert PASSPORT.made == "2026-09-21T14:13:20Z"


def test_it_is_of_one_model_with_its_weights_one_sensor_and_one_family() -> None:
    assert PASSPORT.faults("press3", PASSPORT.family, MODEL, WEIGHTS) == []
    assert "model" in PASSPORT.faults("press3", PASSPORT.family, b"another", WEIGHTS)[0]
    assert "weights" in PASSPORT.faults("press3", PASSPORT.family, MODEL, b"others")[0]
    assert "sensor is press4" in PASSPORT.faults("press4", PASSPORT.family, MODEL, WEIGHTS)[0]
    assert "family" in PASSPORT.faults("press3", "f" * 16, MODEL, WEIGHTS)[0]


@given(st.data())
def test_no_other_bytes_are_a_passport(data: st.DataObject) -> None:
    envelope = bytearray(passport.sign(PASSPORT, KEY))
    at = data.draw(st.integers(0, len(envelope) - 1))
    envelope[at] ^= data.draw(st.integers(1, 255))
    try:
        found = passport.verify(bytes(envelope), [KEY.public])
    except WireError:
        return
    assert found == PASSPORT  # the hint at the key is not signed


@pytest.mark.parametrize(
    ("envelope", "reason"),
    [
        (b"", "not JSON"),
        (b"[]", "no object"),
        (b"{}", "of type None"),
        (b"x" * (dsse.MOST + 1), "at most"),
        (altered(payloadType="text/plain"), "of type 'text/plain'"),
        (altered(payload="?"), "payload is not base64"),
        (altered(payload=7), "payload is not base64"),
        (altered(payload="e30="), "not signed"),
        (altered(signatures=[]), "1 to 4"),
        (altered(signatures=[{}] * 5), "1 to 4"),
        (altered(signatures=["x"]), "signature is not base64"),
        (altered(signatures=[{"sig": "AAAA"}]), "not signed"),
        (passport.sign(PASSPORT, key_of("mallory")), "not signed"),
        (statement(_type="other"), "of another kind"),
        (statement(predicateType="other"), "of another kind"),
        (statement(predicate=7), "states nothing"),
        (statement(predicate={}), "missing key"),
        (statement(subject=[]), "not of one model"),
        (statement(subject=[{"name": "a", "digest": {}}]), "passport"),
        (dsse.seal(passport.ENVELOPE, b"no JSON", KEY, ""), "not JSON"),
    ],
)
def test_what_is_no_passport_of_ours_is_refused_with_the_reason(envelope: bytes, reason: str) -> None:
    with pytest.raises(WireError, match=reason):
        passport.verify(envelope, [KEY.public])


def test_an_envelope_is_signed_as_the_specification_shows() -> None:
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@given(st.text(max_size=40), st.binary(max_size=300))
def test_another_implementation_believes_our_envelopes(kind: str, payload: bytes) -> None:
    theirs = Envelope.from_dict(json.loads(dsse.seal(kind, payload, KEY, "k")))
    assert (theirs.payload, theirs.payload_type, theirs.pae()) == (payload, kind, dsse.pae(kind, payload))
    theirs.verify([SSlibKey("k", "ed25519", "ed25519", {"public": KEY.public.hex()})], 1)
    assert dsse.unseal(dsse.seal(kind, payload, KEY, "k"), kind, [bytes(32), KEY.public]) == (payload, KEY.public)


def test_few_windows_prove_little() -> None:
    assert highest_rate(0, 0) == 1
    assert highest_rate(0, 24) == pytest.approx(0.1013, abs=1e-4)  # z^2 / (n + z^2)
    assert highest_rate(0, 1000) < highest_rate(1, 1000) < 0.01
    assert highest_rate(5, 5) == pytest.approx(1)
