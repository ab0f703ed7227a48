"""Starts the firmware in fw_a or fw_b, whichever `firmware.json` names. No update touches this file.

Run by MicroPython at boot, or on a desktop as `micropython main.py FOLDER < recording`, where FOLDER holds config.json,
the models and the two trees. A new tree is on probation (`trees.py` ends that): it has so many starts to prove good,
and then the one before is back. A tree that cannot be loaded is put on probation, too.
"""

import gc
import json
import os
import sys
import time

STATE = "firmware.json"
STARTS = 3
PROVED = -1  # in place of the starts that are left
WATCHDOG_MS = 60000
SPREAD = 4096  # bytes between two collections while it loads: garbage scatters what stays, and leaves no long piece


def read(folder: str) -> dict:
    """What is known of both trees. slot: the one to start. left: its starts, if it is on probation. numbers: of those
    that are whole. newest: the highest number ever taken. relapse: why the one before is back, if it is."""
    try:
        with open(folder + "/" + STATE) as file:
            state = json.load(file)
        if state["slot"] in ("a", "b") and all(key in state for key in ("left", "numbers", "newest", "relapse")):
            return state
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return {"slot": "a", "left": PROVED, "numbers": {"a": 0}, "newest": 0, "relapse": ""}


def write(folder: str, state: dict) -> None:
    """Replace the file in one rename, so that a power cut leaves the old one or this."""
    with open(folder + "/firmware.tmp", "w") as file:
        json.dump(state, file)
    os.rename(folder + "/firmware.tmp", folder + "/" + STATE)


def other(slot: str) -> str:
    """The tree that is not this one."""
    return "b" if slot == "a" else "a"


def choose(folder: str) -> dict:
    """Which tree to start; counts the starts of one on probation."""
    state = read(folder)
    if state["left"] == PROVED:
        return state
    if state["left"] > 0:
        state["left"] -= 1
    else:
        _go_back(state)
    write(folder, state)
    return state


def _go_back(state: dict) -> None:
    """The tree before serves again, if there is one."""
    state["left"] = PROVED
    before = other(state["slot"])
    if before in state["numbers"]:
        failed = state["numbers"].get(state["slot"], 0)
        state["relapse"] = "firmware {} did not prove good in {} starts".format(failed, STARTS)
        state["slot"] = before


def distrust(folder: str) -> None:
    """The tree cannot even be loaded: let it use up its starts."""
    state = read(folder)
    if state["left"] == PROVED:
        state["left"] = STARTS - 1
        write(folder, state)


def load(folder: str):
    """The chosen tree's program; raises what loading it raised."""
    import machine

    state = choose(folder)
    if state["left"] != PROVED and hasattr(machine, "WDT"):
        machine.WDT(timeout=WATCHDOG_MS)  # new firmware may hang before it comes to its own
    sys.path.insert(0, folder + "/fw_" + state["slot"])
    gc.threshold(SPREAD)
    try:
        return __import__("node")
    except Exception as error:
        sys.print_exception(error)
        distrust(folder)
        if not hasattr(machine, "reset_cause"):
            raise
        time.sleep(1)
        machine.reset()


def main(folder: str) -> None:
    """Start; and start anew whenever the program asks for it, which only a desktop's does: a board resets."""
    while load(folder).main(folder):
        sys.path.pop(0)
        for name in list(sys.modules):
            del sys.modules[name]


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
