"""What a board remembers from one start to the next: how many there were, how many failed in a row, and why.

A board that fails again and again is left in safe mode: it answers on the network and takes updates, but touches
neither its transducer nor its model. It tries to work again after ten minutes and then once an hour, and at once after
an update or when it is switched on. A reset that the firmware asked for is no failure.

A start, a model and firmware prove good alike: by enough windows, or by one after enough time. A fast sensor does so
within seconds. A slow one has a window in ten minutes; it is not kept on probation for hours, in which a power cut or
two would count against what is new.
"""

import io
import json
import sys

from board.monotonic import ms
from boot_state import replace

FILE = "life.json"
MOST_STARTS = 5  # that failed in a row
FIRST_RETRY_S, RETRY_S = 600, 3600  # in safe mode: until it tries to work, at first and from then on
REDUCED_S = 300  # in reduced mode without an update
LONGEST = 400  # characters of an error that are kept
WINDOWS, TIME_MS = 20, 600000  # of a probation


class Proof:
    """Counts from when it is made."""

    def __init__(self) -> None:
        self._windows = 0
        self._since = ms()

    def window(self) -> bool:
        """Count a window; whether that is proof enough."""
        self._windows += 1
        return self._windows >= WINDOWS or self.lasted()

    def lasted(self) -> bool:
        """Whether time enough has passed."""
        return ms() - self._since >= TIME_MS


class BootCount:
    """The life of a board with its files in `folder`. cause: of this start, as `board/reset_cause.py` names it.

    boots: starts ever. starts: those in a row that failed, with this one. error: what ended the last one. chosen: why
    the firmware asked for the last reset, "" when it did not. safe_mode: whether to do no more than answer. reduced:
    the same, once, to have memory for an update.
    """

    def __init__(self, folder: str, cause: str = "unknown") -> None:
        self._path = folder + "/" + FILE
        kept = self._read()
        self.cause = cause
        self.boots = kept.get("boots", 0) + 1
        self.error, self.chosen = kept.get("error", ""), kept.get("chosen", "")
        self._tries = kept.get("tries", 0)  # to leave safe mode
        before = kept.get("starts", 0)
        self._leaving = False
        self.starts = 1 if cause == "power-on" else before if self.chosen and before else before + 1
        self.safe_mode = self.starts > MOST_STARTS and not kept.get("trial")
        self.reduced = bool(kept.get("reduced")) and not self.safe_mode
        self._proof = Proof()
        self._write()

    @property
    def retry_s(self) -> int:
        """Seconds in safe or reduced mode until the next try to work; 0 outside of them."""
        if self.reduced:
            return REDUCED_S
        return (RETRY_S if self._tries else FIRST_RETRY_S) if self.safe_mode else 0

    def worked(self) -> None:
        """A window came to its end."""
        if self.starts and self._proof.window():
            self._good()

    def ran(self) -> None:
        """Nothing failed so far, with windows or without."""
        if self.starts and not self.safe_mode and self._proof.lasted():
            self._good()

    def failed(self, error: Exception) -> None:
        """Keep an error that nobody foresaw, for the next start to tell."""
        text = io.StringIO()
        sys.print_exception(error, text)
        self.error = text.getvalue()[-LONGEST:]
        self._write()

    def choose(self, reason: str, reduced: bool = False) -> None:
        """The firmware is about to reset the board for this reason. reduced: into reduced mode."""
        self._write(reason, reduced=reduced)
        self._leaving = True

    def try_again(self) -> None:
        """Leave safe mode at the next start; one more failure leads back to it."""
        self._tries += self.safe_mode
        self._write("to work again", trial=True)

    def forgive(self, reason: str) -> None:
        """Count failed starts anew: something was done about their cause."""
        self.starts = 0
        self._write(reason)

    def _good(self) -> None:
        if self._leaving:  # what was written of the reset to come must stand
            return
        self.starts, self._tries, self.error = 0, 0, ""
        self._write()

    def _read(self) -> dict:
        try:
            with open(self._path) as file:
                kept = json.load(file)
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def _write(self, chosen: str = "", trial: bool = False, reduced: bool = False) -> None:
        """Replace the file in one rename; a flash that fails must not keep the board from working."""
        kept = {"boots": self.boots, "starts": self.starts, "tries": self._tries, "error": self.error}
        try:
            replace(self._path, dict(kept, chosen=chosen, trial=trial, reduced=reduced))
        except OSError as error:
            print(FILE, error)
