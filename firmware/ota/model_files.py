"""Reads models from flash, tries new ones and puts them into service: for `model_slots.py`, which calls it when needed.

Each function takes the ModelSlots it works on.
"""

import gc
import hashlib
import json
import os

from board.boot_count import WINDOWS
from board.lazy import SPREAD, load
from boot_state import other
from ota.model_slots import ARRIVING, POINTER
from ota.offers import Refused

MOST_BOOTS = 3  # starts in which a new model must judge enough windows, see boot_count.py, to stay


def boot(slots, judges: bool) -> None:
    """Load the model in service, or the one before it when that is damaged; unless it `judges` only name it."""
    try:
        with open(slots.path(POINTER)) as file:
            state = json.load(file)
        slots.slot, slots.kept, slots.boots = state["slot"], state["kept"], state.get("boots", 0)
    except (OSError, ValueError, KeyError, TypeError):
        return
    if slots.boots and judges:
        _count_boot(slots)
    if judges:
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
    """See `ModelSlots.install`. In reduced mode there is no room for a trial: it waits for the next start."""
    before, judge = slots.digest, None
    slots.serve(None, None)
    kept = {"sequence": offer.sequence, "sha256": offer.sha256.hex(), "bytes": len(offer.model)}
    try:
        _read_back(slots, offer)
        if slots.idle:
            kept["trial"], kept["score"] = offer.trial.hex(), offer.trial_score
        else:
            judge = _tried(slots, offer)
        slot = _spare(slots)
        _move(slots, slot)
        _point(slots, slot, kept)
    except (Refused, MemoryError):
        if slots.idle:
            slots.serve(None, before)
        else:
            _load_either(slots)
        raise
    slots.serve(judge, kept["sha256"])


def _judge(slots, model):
    """What judges by the bytes of a model; raises ValueError for what is no model to judge by, and MemoryError.

    Its code is loaded here: a sensor in reduced mode starts without.
    """
    threshold = gc.threshold()
    gc.threshold(SPREAD)  # as at the start: garbage scatters what stays
    try:
        judge = load("score").Scorer(load("tflite").Model(model))
    finally:
        gc.threshold(threshold)
    if judge.length != slots.features:
        raise ValueError("made for {} features, this sensor has {}".format(judge.length, slots.features))
    return judge


def _spare(slots) -> str:
    """The slot to overwrite: the idle one, unless that holds the only model that has proved good."""
    idle = other(slots.slot)
    return slots.slot if slots.boots and idle in slots.kept else idle


def _read_back(slots, offer) -> None:
    """Read what came into its place; raises Refused unless it is what was written."""
    try:
        if not _read(slots.arriving, offer.model, offer.sha256):
            raise Refused(500, "{} reads back differently".format(ARRIVING))
    except OSError as error:
        raise Refused(500, "{}: {}".format(ARRIVING, error))


def _tried(slots, offer):
    """A judge that gave the trial's score."""
    try:
        judge = _judge(slots, offer.model)
        _check_trial(judge, offer.trial, offer.trial_score)
    except (ValueError, MemoryError) as error:
        raise Refused(400, str(error))
    return judge


def _check_trial(judge, trial: bytes, score: int) -> None:
    """Raise ValueError unless the judge gives this score."""
    if len(trial) != judge.length:
        raise ValueError("a trial of {} features, this sensor has {}".format(len(trial), judge.length))
    got = judge.score(trial)
    if got != score:
        raise ValueError("its trial scored {}, expected {}".format(got, score))


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
        judge = _judge(slots, model)
        if "trial" in kept:  # it came in reduced mode
            _try_late(slots, kept, judge)
    except (OSError, ValueError, MemoryError) as error:
        print(slot, error)
        return False
    slots.serve(judge, kept["sha256"])
    return True


def _try_late(slots, kept: dict, judge) -> None:
    """Try a model at the start after it came; raises ValueError when it fails, and the one before serves again."""
    try:
        _check_trial(judge, bytes.fromhex(kept["trial"]), kept["score"])
    except ValueError as error:
        slots.relapse = "model {}: {}".format(kept["sequence"], error)
        raise
    del kept["trial"], kept["score"]
    slots.keep()


def _read(path: str, into, sha256: bytes) -> bool:
    """Fill `into` from a file; whether it is all of it, and what its digest says. Raises OSError."""
    with open(path, "rb") as file:
        whole = file.readinto(into) == len(into) and not file.read(1)
    return whole and hashlib.sha256(into).digest() == sha256
