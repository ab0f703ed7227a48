"""Forgets the idle tree before it is written to, and lets it take over once it is whole: for `firmware_slots.py`."""

import boot_state
from ota.offers import Refused


def vacated(trees) -> str:
    """Path of the idle tree, which is forgotten before it is touched: half of one must never be gone back to."""
    state = trees.state
    if boot_state.other(state["slot"]) in state["numbers"]:
        _write(trees, dict(state, numbers={state["slot"]: trees.sequence}))
    return trees.idle


def install(trees, sequence: int) -> None:
    """See `FirmwareSlots.install`."""
    slot = boot_state.other(trees.state["slot"])
    numbers = dict(trees.state["numbers"])
    numbers[slot] = sequence
    try:
        _write(trees, {"slot": slot, "left": boot_state.STARTS, "numbers": numbers, "newest": sequence, "relapse": ""})
    except OSError as error:
        raise Refused(500, "{}: {}".format(boot_state.STATE, error))
    trees.switched = True


def _write(trees, state: dict) -> None:
    boot_state.write(trees.folder, state)
    trees.state = state
