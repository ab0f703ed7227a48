"""The two places a sensor keeps its firmware in, fw_a and fw_b: the one that runs, and the one the next is written to.

A package is written file by file as its blocks come (`firmware_writer.py`), read back, and takes over by one rename of
`firmware.json`, which `main.py` reads at the next start. It is on probation then, until enough windows were sent while
the link was up (`probation.py`): firmware that can do that can also be updated again.
"""

import sys

import boot_state
from board.lazy import load, release
from ota.probation import Proof
from ota.refused import Refused


class FirmwareSlots:
    """Both trees below `folder`. sealed: whether offers are; without a seal none is taken.

    code: what this MicroPython can run, as a package's head says it. idle: path of the tree that does not run.
    """

    def __init__(self, folder: str, sealed: bool) -> None:
        self._folder = folder
        self._state = boot_state.read(folder)
        self._proof = Proof()
        self._switched = False  # what is on probation has not started yet
        self.sealed = sealed
        self.code = _code()
        self.idle = folder + "/fw_" + boot_state.other(self._state["slot"])

    @property
    def sequence(self) -> int:
        """The number of the firmware that runs; 0 as it was flashed."""
        return self._state["numbers"].get(self._state["slot"], 0)

    @property
    def newest(self) -> int:
        """The highest number that was ever taken."""
        return self._state["newest"]

    @property
    def proved(self) -> bool:
        return self._state["left"] == boot_state.PROVED

    def hello(self) -> dict:
        """What the gateway should know of it."""
        about = {"sequence": self.sequence, "newest": self.newest, "code": self.code}
        return dict(about, proved=self.proved, relapse=self._state["relapse"])

    def worked(self) -> bool:
        """A window was sent while the link was up; True for the one that ends the probation."""
        if self.proved or self._switched or not self._proof.window():
            return False
        self._keep(boot_state.PROVED)
        return True

    def spare(self) -> None:
        """The board is reset by choice: that is no start in vain, so firmware on probation gets it back."""
        if not self.proved and self._state["left"] < boot_state.STARTS:
            self._keep(self._state["left"] + 1)

    def _keep(self, left: int) -> None:
        """Write how many starts are left; at worst the firmware has to prove itself once more."""
        self._state["left"] = left
        try:
            boot_state.write(self._folder, self._state)
        except OSError as error:
            print(boot_state.STATE, error)

    def vacated(self) -> str:
        """Path of the idle tree, which is forgotten before it is touched: half of one must never be gone back to."""
        if boot_state.other(self._state["slot"]) in self._state["numbers"]:
            numbers = {self._state["slot"]: self.sequence}
            self._write(dict(self._state, numbers=numbers))
        return self.idle

    def install(self, sequence: int) -> None:
        """Let the idle tree, which is whole, take over at the next start under this number; raises Refused."""
        slot = boot_state.other(self._state["slot"])
        numbers = dict(self._state["numbers"])
        numbers[slot] = sequence
        try:
            self._write(
                {"slot": slot, "left": boot_state.STARTS, "numbers": numbers, "newest": sequence, "relapse": ""}
            )
        except OSError as error:
            raise Refused(500, "{}: {}".format(boot_state.STATE, error))
        self._switched = True

    def _write(self, state: dict) -> None:
        boot_state.write(self._folder, state)
        self._state = state


def _code() -> str:
    """What a package must be for, asked of the module that a running sensor does without."""
    version = sys.implementation._mpy
    try:
        return load("protocol.firmware_package").code_name(version >> 8 & 255, version & 255)
    finally:
        release("protocol.firmware_package")
