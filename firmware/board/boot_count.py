"""What a board remembers from one start to the next: how often it started in vain, and the error that ended it.

A board that starts again and again without ever working is left in safe mode: it answers on the network and takes
updates, but touches neither its transducer nor its model. It leaves safe mode by an update, or when it is switched off.
"""

import io
import json
import os
import sys

FILE = "life.json"
MOST_STARTS = 5  # without reaching `good`
GOOD = 20  # windows that show that it works
LONGEST = 400  # characters of an error that are kept


class BootCount:
    """The life of a board with its files in `folder`. starts: since it last worked. error: what ended the last one."""

    def __init__(self, folder: str, power_on: bool = False) -> None:
        self._path = folder + "/" + FILE
        kept = self._read()
        self.starts = 1 if power_on else kept.get("starts", 0) + 1
        self.error = kept.get("error", "")
        self._windows = 0
        self._write()

    @property
    def safe_mode(self) -> bool:
        """Whether it should do no more than answer."""
        return self.starts > MOST_STARTS

    def worked(self) -> None:
        """A window came to its end."""
        if self._windows < GOOD:
            self._windows += 1
            if self._windows == GOOD:
                self.starts, self.error = 0, ""
                self._write()

    def failed(self, error: Exception) -> None:
        """Keep an error that nobody foresaw, for the next start to tell."""
        text = io.StringIO()
        sys.print_exception(error, text)
        self.error = text.getvalue()[-LONGEST:]
        self._write()

    def forgive(self) -> None:
        """Count the starts anew: something was done about what ailed it."""
        self.starts = 0
        self._write()

    def _read(self) -> dict:
        try:
            with open(self._path) as file:
                kept = json.load(file)
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def _write(self) -> None:
        """Replace the file in one rename; a flash that fails must not keep the board from working."""
        try:
            with open(self._path + ".tmp", "w") as file:
                json.dump({"starts": self.starts, "error": self.error}, file)
            os.rename(self._path + ".tmp", self._path)
        except OSError as error:
            print(FILE, error)
