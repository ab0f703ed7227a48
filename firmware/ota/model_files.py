"""Reads models from flash, tries new ones and puts them into service: for `model_slots.py`, which calls it when needed.

Each function takes the ModelSlots it works on.
"""

import hashlib
import json
import os
import sys

from board.boot_count import WINDOWS
from board.lazy import release
from boot_state import other
from ota.model_slots import ARRIVING, POINTER
from ota.offers import Refused

MOST_BOOTS = 3  # starts in which a new model must judge enough windows, see boot_count.py, to stay


def boot(slots, load: bool) -> None:
    """Load the model in service, or the one before it when that is damaged; without `load` only name it."""
    try:
        with open(slots.path(POINTER)) as file:
            state = json.load(file)
        slots.slot, slots.kept, slots.boots = state["slot"], state["kept"], state.get("boots", 0)
    except (OSError, ValueError, KeyError, TypeError):
        return
    if slots.boots and load:
        _count_boot(slots)
    if load:
        _load_either(slots)
    elif slots.slot in slots.kept:
        slots.serve(None, slots.kept[slots.slot]["sha256"])


def _count_boot(slots) -> None:
    """Go on with the probation, or back to the model before."""
    slots.boots += 1
    slots.counted = True
    if slots.boots > MOST_BOOTS and other(slots.slot) in slots.kept:
        failed = slots.kept[slots.slot]["sequence"]
        slots.relapse = "model {} judged no {} windows in {} starts".format(failed, WINDOWS, MOST_BOOTS)
        slots.slot, slots.boots = other(slots.slot), 0
    slots.keep()


def install(slots, offer) -> None:
    """See `ModelSlots.install`."""
    slots.serve(None, None)
    try:
        judge = _tried(slots, offer)
        slot, digest = _spare(slots), offer.sha256.hex()
        _move(slots, slot)
        _point(slots, slot, {"sequence": offer.sequence, "sha256": digest, "bytes": len(offer.model)})
    except (Refused, MemoryError):
        _load_either(slots)
        raise
    if slots.idle:  # what was needed to try it makes room for what may come next
        judge = None
        release(*[name for name in sys.modules if name.startswith(("tflite", "score"))])
    slots.serve(judge, digest)


def _judge(model):
    """What judges by the bytes of a model; raises ValueError for what is no model to judge by, and MemoryError.

    Its code is loaded here: a sensor in reduced mode starts without.
    """
    from score import Scorer
    from tflite import Model, ModelError

    try:
        return Scorer(Model(model))
    except ModelError as error:
        raise ValueError(str(error))


def _spare(slots) -> str:
    """The slot to overwrite: the idle one, unless that holds the only model that has proved good."""
    idle = other(slots.slot)
    return slots.slot if slots.boots and idle in slots.kept else idle


def _tried(slots, offer):
    """A judge that gave the trial's score."""
    try:
        if not _read(slots.arriving, offer.model, offer.sha256):
            raise Refused(500, "{} reads back differently".format(ARRIVING))
        judge = _judge(offer.model)
    except OSError as error:
        raise Refused(500, "{}: {}".format(ARRIVING, error))
    except (ValueError, MemoryError) as error:
        raise Refused(400, str(error))
    if judge.length != slots.features or len(offer.trial) != slots.features:
        raise Refused(400, "made for {} features, this sensor has {}".format(judge.length, slots.features))
    score = judge.score(offer.trial)
    if score != offer.trial_score:
        raise Refused(400, "its trial scored {}, expected {}".format(score, offer.trial_score))
    return judge


def _move(slots, slot: str) -> None:
    try:
        os.rename(slots.arriving, slots.path(slot + ".tflite"))
    except OSError as error:
        raise Refused(500, "slot {}: {}".format(slot, error))


def _point(slots, slot: str, kept: dict) -> None:
    """From the next boot on, serve from `slot`."""
    before = slots.slot, slots.kept, slots.boots
    slots.slot, slots.kept, slots.boots = slot, dict(slots.kept), 1
    slots.kept[slot] = kept
    try:
        slots.write_pointer()
    except OSError as error:
        slots.slot, slots.kept, slots.boots = before
        raise Refused(500, "{}: {}".format(POINTER, error))
    slots.renew()
    slots.relapse, slots.counted = "", False  # windows and resets until now were the model's before


def _load_either(slots) -> None:
    """Judge by the model in service, or the one before it when that is damaged."""
    for slot in (slots.slot, other(slots.slot)):
        if slot in slots.kept and _load(slots, slot):
            slots.slot = slot
            break


def _load(slots, slot: str) -> bool:
    """Read a slot's model into the buffer and judge by it; False when it is damaged."""
    kept = slots.kept[slot]
    model = slots.room[: kept["bytes"]]
    try:
        if not _read(slots.path(slot + ".tflite"), model, bytes.fromhex(kept["sha256"])):
            return False
        slots.serve(_judge(model), kept["sha256"])
    except (OSError, ValueError, MemoryError):
        return False
    return True


def _read(path: str, into, sha256: bytes) -> bool:
    """Fill `into` from a file; whether it is all of it, and what its digest says. Raises OSError."""
    with open(path, "rb") as file:
        whole = file.readinto(into) == len(into) and not file.read(1)
    return whole and hashlib.sha256(into).digest() == sha256
