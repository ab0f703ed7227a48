"""The two places a sensor keeps its firmware in, fw_a and fw_b: the one that runs, and the one the next is written to.

A package is written file by file as its blocks come (`firmware_writer.py`), read back, and takes over by one rename of
`firmware.json`, which `main.py` reads at the next start. It is on probation then, until enough windows were sent while
the link was up (`probation.py`): firmware that can do that can also be updated again.
"""

import sys

import boot_state
from board.boot_count import Proof
from board.lazy import call


class FirmwareSlots:
    """Both trees below `folder`. sealed: whether offers are; without a seal none is taken.

    code: what this MicroPython can run, as a package's head says it. idle: path of the tree that does not run.
    state: as `boot_state.py` has it. switched: whether what is on probation has not started yet.
    """

    def __init__(self, folder: str, sealed: bool) -> None:
        self.folder = folder
        self.state = boot_state.read(folder)
        self._proof = Proof()
        self.switched = False
        self.sealed = sealed
        self.code = _code()
        self.idle = folder + "/fw_" + boot_state.other(self.state["slot"])

    @property
    def sequence(self) -> int:
        """The number of the firmware that runs; 0 as it was flashed."""
        return self.state["numbers"].get(self.state["slot"], 0)

    @property
    def newest(self) -> int:
        """The highest number that was ever taken."""
        return self.state["newest"]

    @property
    def proved(self) -> bool:
        return self.state["left"] == boot_state.PROVED

    def worked(self) -> bool:
        """A window was sent while the link was up; True for the one that ends the probation."""
        if self.proved or self.switched or not self._proof.window():
            return False
        self._keep(boot_state.PROVED)
        return True

    def spare(self) -> None:
        """The board is reset by choice: that is no start in vain, so firmware on probation gets it back."""
        if not self.proved and self.state["left"] < boot_state.STARTS:
            self._keep(self.state["left"] + 1)

    def _keep(self, left: int) -> None:
        """Write how many starts are left; at worst the firmware has to prove itself once more."""
        self.state["left"] = left
        try:
            boot_state.write(self.folder, self.state)
        except OSError as error:
            print(boot_state.STATE, error)

    def install(self, sequence: int) -> None:
        """Let the idle tree, which is whole, take over at the next start under this number; raises Refused."""
        call("ota.firmware_switch", "install", self, sequence)


def _code() -> str:
    """What a package must be for, asked of the module that a running sensor does without."""
    version = sys.implementation._mpy
    return call("protocol.firmware_package", "code_name", version >> 8 & 255, version & 255)
