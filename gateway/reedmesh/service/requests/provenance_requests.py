"""The request `provenance`: the origin of models, audits, and the contributions and accounts of neighbours."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from reedmesh.errors import WireError
from reedmesh.provenance import ledger, receipt
from reedmesh.provenance.receipt import Receipt
from reedmesh.service.requests.arguments import Arguments
from reedmesh.service.requests.context import Context
from reedmesh.service.requests.verbs import verb
from reedmesh.store.models import StoredModel
from reedmesh.store.store import Store

MOST_ENTRIES = 2000  # of the ledger, the newest, that are looked at
MOST_POINTS = 40  # of a neighbour's worth over time
COUNTED = (ledger.TAKEN, ledger.REFUSED, ledger.MERGED, ledger.LEFT_OUT, ledger.FORK)


@verb("provenance")
async def provenance(at: Context, given: Arguments) -> dict[str, Any]:  # noqa: ARG001 - it needs no arguments
    """The origin of models, and neighbours' contributions, as far as the newest MOST_ENTRIES entries tell."""
    found = await at.disk.once(gather, at.disk.store, sorted(at.line.sensors))
    for each in found["models"]:
        shown = at.passports.shown(each.pop("stored"))
        told = shown["passport"] or {}
        each |= {"fault": shown["fault"], "made": told.get("made", ""), "merged": told.get("merged", ())}
    return found


def gather(store: Store, sensors: Iterable[str]) -> dict[str, Any]:
    """On the store's thread: the newest model of each sensor with its receipts, and an account of each neighbour."""
    models = [_model(stored) for name in sensors if (stored := store.models.last(name))]
    number, head = store.ledger.last() if store.ledger else (0, b"")
    return {
        "models": models,
        "neighbours": _neighbours(store),
        "ledger": {"entries": number, "head": head.hex()},
    }


def _model(stored: StoredModel) -> dict[str, Any]:
    """Of one model: what it was learnt from, where that can be checked, and who did."""
    found = {"sensor": stored.sensor, "sequence": stored.sequence, "stored": stored}
    found |= {"sha256": sha256(stored.tflite).hexdigest(), "checkable": bool(stored.receipt and stored.material)}
    envelopes = (stored.receipt or b"").splitlines()
    try:
        stated = receipt.unverified(envelopes[0]) if envelopes else None
    except WireError:
        stated = None
    return found | _stated(stated) | {"auditors": [_auditor(each) for each in envelopes[1:]]}


def _stated(it: Receipt | None) -> dict[str, Any]:
    if not it:
        return {"windows": 0, "root": "", "committed": 0}
    return {"windows": it.windows, "root": it.root, "committed": it.committed}


def _auditor(envelope: bytes) -> str:
    """The key that an auditor signed with, as the envelope names it; it was checked when it was accepted."""
    try:
        return str(json.loads(envelope)["signatures"][0]["keyid"])[:64]
    except (ValueError, LookupError, TypeError):
        return "?"


def _neighbours(store: Store) -> dict[str, dict[str, Any]]:
    """An account of each neighbour that entries of the ledger name, or with which there are points."""
    found: dict[str, dict[str, Any]] = defaultdict(lambda: dict.fromkeys(COUNTED, 0) | {"worth": 0.0, "over": []})
    for each in store.ledger.newest(MOST_ENTRIES) if store.ledger else ():
        name, kind = each.get("gateway", ""), each.get("kind")
        if name and kind in COUNTED:
            found[name][kind] += 1
            if kind == ledger.MERGED:
                found[name]["worth"] += each.get("worth", 0.0)
                found[name]["over"].append([round(each.get("at", 0.0)), round(found[name]["worth"], 6)])
    for name, account in store.credit.accounts().items():
        found[name] |= {"owed": account.owed, "due": account.due, "agreed": account.agreed}
    for name, (number, at) in (store.ledger.heads() if store.ledger else {}).items():
        found[name] |= {"head": number, "heard": round(at)}
    return {name: _readable(each) for name, each in found.items()}


def _readable(it: Mapping[str, Any]) -> dict[str, Any]:
    """With fewer points over time, and rounded."""
    step = -(-len(it["over"]) // MOST_POINTS) or 1
    over = it["over"][::-1][::step][::-1]
    return {**it, "worth": round(it["worth"], 6), "over": over}
