"""The request `audit`: an auditor's signature of a training is checked, kept with the model and entered in the ledger.

It must state what our own receipt states. Whom to believe as an auditor is for those who read it: the key is entered.
"""

from hashlib import sha256
from typing import Any

from reedmesh.errors import RefusedError, WireError
from reedmesh.identity import keys
from reedmesh.provenance import ledger, receipt
from reedmesh.provenance.ledger import Entry
from reedmesh.provenance.receipt import Receipt
from reedmesh.service.requests.arguments import Arguments
from reedmesh.service.requests.context import Context
from reedmesh.service.requests.verbs import verb
from reedmesh.store.models import StoredModel
from reedmesh.store.store import Store

LONGEST = 3000  # characters of an envelope
MOST_AUDITS = 8  # of one model


@verb("audit")
async def audit(at: Context, given: Arguments) -> dict[str, Any]:
    """{envelope, key}: a DSSE envelope, and the auditor's public key in hex; what `audit check --sign` wrote."""
    envelope, key = given.some_text("envelope", LONGEST).encode(), _key(given)
    try:
        stated, _ = receipt.verify(envelope, [key])
    except WireError as error:
        raise RefusedError(f"envelope: {error}") from error
    await at.disk.once(_keep, at.disk.store, stated, envelope, keys.fingerprint(key))
    return {"sensor": stated.sensor, "model": stated.model}


def _key(given: Arguments) -> bytes:
    try:
        return keys.read_public(given.some_text("key", 64))
    except ValueError as error:
        raise RefusedError(f"key: {error}") from error


def _keep(store: Store, stated: Receipt, envelope: bytes, auditor: str) -> None:
    """On the store's thread."""
    stored = _model(store, stated)
    receipts = (stored.receipt or b"").splitlines()
    if faults := receipt.unverified(receipts[0]).faults(stated):
        raise RefusedError(f"envelope: {faults[0]}")
    if envelope in receipts or len(receipts) > MOST_AUDITS:
        raise RefusedError(f"envelope: it is kept already, or {MOST_AUDITS} others are")
    entry = Entry(ledger.AUDITED, "", stored.sensor, "", stored.sequence, stated.model, reason=f"auditor {auditor}")
    store.models.add_receipt(stored, envelope, entry)


def _model(store: Store, stated: Receipt) -> StoredModel:
    for stored in store.models.of(stated.sensor):
        if stored.receipt and sha256(stored.tflite).hexdigest() == stated.model:
            return stored
    raise RefusedError(f"envelope: no model {stated.model:.16} of {stated.sensor} with a receipt is kept here")
