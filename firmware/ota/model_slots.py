"""The two places a sensor keeps a model in, A and B: the one in service, and the one the next model goes to.

Each is a file; the model in service runs in a buffer, which is the only one. `slots.json` says which is in service; it
is replaced in one rename, so a power cut leaves the old model or the new one. A new model comes as a third file
(`ota/model_writer.py`) and takes over only after its digest, its loading and its trial have been seen to be right: it
is tried in the buffer, and if that fails the one before is read back into it; one that came in reduced mode is tried at
the next start, which has room for that. It is on probation then: a board that
starts again and again before it judged enough windows goes back to the one before.

What reads files and models is in `ota/model_files.py`, loaded at the start and when a model takes over.
"""

from board.boot_count import Proof
from board.lazy import call
from boot_state import replace

POINTER, ARRIVING = "slots.json", "next.tflite"


class ModelSlots:
    """Models of `features` features in `folder`; `room` is the largest in bytes. The buffer is allocated here, once.

    judge: of the model in service, a Scorer, or None. digest: its SHA-256 in hex. key: the first 8 bytes of that, as
    windows carry it. slot: the one in service. kept: of each slot in use sequence, sha256, bytes. boots: starts since a
    new model took over; 0 when it has proved good. counted: whether this start is one of them. relapse: why the model
    before serves again, if it does. room: the buffer. arriving: path of the file that a new model comes in. idle:
    whether no window is judged, as in reduced mode.
    """

    def __init__(self, folder: str, room: int, features: int) -> None:
        self._folder = folder
        self.features = features
        self.room = memoryview(bytearray(room))
        self.arriving = self.path(ARRIVING)
        self.slot = "b"
        self.kept: "dict[str, dict]" = {}
        self.boots = 0
        self.counted = False
        self.relapse = ""
        self.idle = False
        self.renew()
        self.serve(None, None)

    @property
    def sequence(self) -> int:
        """The number of the newest model that ever took over; 0 before the first."""
        return max([kept["sequence"] for kept in self.kept.values()] + [0])

    def boot(self, load: bool = True) -> None:
        """Load the model in service, or the one before it when that is damaged; without `load` only name it."""
        self.idle = not load
        call("ota.model_files", "boot", self, load)

    def install(self, offer) -> None:
        """Put the model that came as `arriving` into service, `offer.model` being its place in `room`; raises Refused
        and MemoryError, and then nothing has changed."""
        call("ota.model_files", "install", self, offer)

    def judged(self) -> None:
        """A window was judged; the last one of a probation ends it."""
        if self.boots and self._proof.window():
            self.boots = 0
            self.keep()

    def spare(self) -> None:
        """The board is reset by choice: that is no start in vain for a model on probation, if it was one of its own."""
        if self.boots and self.counted:
            self.boots -= 1
            self.counted = False
            self.keep()

    def renew(self) -> None:
        """Windows count anew for a probation."""
        self._proof = Proof()

    def keep(self) -> None:
        """Write the pointer, if flash lets us: what it says is at worst counted once more."""
        try:
            self.write_pointer()
        except OSError as error:
            print(POINTER, error)

    def write_pointer(self) -> None:
        """Replace slots.json; raises OSError."""
        replace(self.path(POINTER), {"slot": self.slot, "kept": self.kept, "boots": self.boots})

    def serve(self, judge, digest: "str | None") -> None:
        """Judge by this from now on."""
        self.judge = judge
        self.digest = digest
        self.key = bytes.fromhex(digest)[:8] if digest else bytes(8)

    def path(self, name: str) -> str:
        """Of a file beside the slots'."""
        return self._folder + "/" + name
