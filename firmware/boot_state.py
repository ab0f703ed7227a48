"""Which of the two firmware slots starts, fw_a or fw_b: what `firmware.json` holds, and how it is replaced.

It lies beside `main.py`, which no update touches, and in every slot as well, for a sensor whose `main.py` is older has
no other. The one beside `main.py` is found first, so what is here must stay as it is; the file's format too.
"""

import json
import os

STATE = "firmware.json"
STARTS = 3
PROVED = -1  # in place of the starts that are left


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
    """Let `read` find this from now on."""
    replace(folder + "/" + STATE, state)


def replace(path: str, value) -> None:
    """Replace a file of JSON in one rename, so that a power cut leaves the old one or this; raises OSError."""
    with open(path + ".tmp", "w") as file:
        json.dump(value, file)
    os.rename(path + ".tmp", path)


def other(slot: str) -> str:
    """The tree that is not this one."""
    return "b" if slot == "a" else "a"
