"""What a receipt states comes back, others who read DSSE and in-toto can read it, and nobody else can state it."""

import json
from base64 import b64decode
from dataclasses import replace

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from reedmesh.errors import WireError
from reedmesh.provenance import dsse, passport, receipt
from reedmesh.provenance.receipt import Receipt
from tests.support.neighbours import key_of

KEY, AUDITOR = key_of("hall1"), key_of("auditor")
RECEIPT = Receipt("ab" * 32, "press3", "0123456789abcdef", "cd" * 32, 240, 1234567, "ef" * 32, "01" * 32, "23" * 32)


def test_what_it_states_comes_back_with_the_key_that_signed_it() -> None:
    for each in (RECEIPT, replace(RECEIPT, inputs="", before="")):
        assert receipt.verify(receipt.sign(each, KEY, "hall1"), [AUDITOR.public, KEY.public]) == (each, KEY.public)
    assert receipt.verify(receipt.sign(RECEIPT, AUDITOR, ""), [AUDITOR.public])[1] == AUDITOR.public


def test_it_is_small() -> None:
    assert len(receipt.sign(RECEIPT, KEY, "hall1")) <= 1024


def test_it_names_each_difference() -> None:
    other = replace(RECEIPT, windows=241, code="00" * 32)
    assert RECEIPT.faults(RECEIPT) == []
    assert [each.split()[0] for each in RECEIPT.faults(other)] == ["windows", "code"]


def test_nobody_else_can_state_it() -> None:
    with pytest.raises(WireError, match="not signed"):
        receipt.verify(receipt.sign(RECEIPT, KEY, ""), [AUDITOR.public])


@pytest.mark.parametrize(
    "changes", [{"predicateType": "urn:reedmesh:passport:1"}, {"subject": []}, {"subject": [1]}, {"predicate": []}]
)
def test_other_statements_are_refused(changes: dict[str, object]) -> None:
    said = json.loads(b64decode(json.loads(receipt.sign(RECEIPT, KEY, ""))["payload"])) | changes
    with pytest.raises(WireError, match="receipt"):
        receipt.verify(dsse.seal(passport.ENVELOPE, json.dumps(said).encode(), KEY, ""), [KEY.public])


def test_securesystemslib_reads_it() -> None:
    envelope = Envelope.from_dict(json.loads(receipt.sign(RECEIPT, KEY, "1a2b")))
    key = SSlibKey("1a2b", "ed25519", "ed25519", {"public": KEY.public.hex()})
    assert envelope.verify([key], 1)
    assert json.loads(envelope.payload)["_type"] == "https://in-toto.io/Statement/v1"
