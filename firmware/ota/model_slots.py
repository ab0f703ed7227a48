"""The two places a sensor keeps a model in, A and B: the one in service, and the one the next model goes to.

Each is a file; the model in service runs in a buffer, which is the only one. `slots.json` says which is in service; it
is replaced in one rename, so a power cut leaves the old model or the new one. A new model comes as a third file
(`ota/model_writer.py`) and takes over only after its digest, its loading and its trial have been seen to be right: it
is tried in the buffer, and if that fails the one before is read back into it. It is on probation then: a board that
starts again and again before it judged enough windows goes back to the one before.
"""

import hashlib
import json
import os

from board.lazy import release
from boot_state import other, replace
from ota.probation import WINDOWS, Proof
from ota.refused import Refused
from protocol import wire
from score import Scorer
from tflite import READERS, Model, ModelError

POINTER, ARRIVING = "slots.json", "next.tflite"
MOST_BOOTS = 3  # starts in which a new model must judge enough windows, see probation.py, to stay


class ModelSlots:
    """Models of `features` features in `folder`; `room` is the largest in bytes. The buffer is allocated here, once.

    judge: of the model in service, or None. digest: its SHA-256 in hex. key: the first 8 bytes of that, as windows
    carry it. sequence: the number of the newest model that ever took over; 0 before the first. relapse: why the model
    before serves again, if it does. room: the buffer. arriving: path of the file that a new model comes in.
    """

    def __init__(self, folder: str, room: int, features: int) -> None:
        self._folder = folder
        self._features = features
        self.room = memoryview(bytearray(room))
        self.arriving = self._path(ARRIVING)
        self.judge: "Scorer | None" = None
        self.digest: "str | None" = None
        self.key = bytes(8)
        self._slot = "b"
        self._kept: "dict[str, dict]" = {}  # of each slot in use: sequence, sha256, bytes
        self._boots = 0  # since a new model took over; 0 when it has proved good
        self._proof = Proof()
        self.relapse = ""

    @property
    def sequence(self) -> int:
        return max([kept["sequence"] for kept in self._kept.values()] + [0])

    def boot(self, load: bool = True) -> None:
        """Load the model in service, or the one before it when that is damaged; without `load` only name it."""
        try:
            with open(self._path(POINTER)) as file:
                state = json.load(file)
            self._slot, self._kept, self._boots = state["slot"], state["kept"], state.get("boots", 0)
        except (OSError, ValueError, KeyError, TypeError):
            return
        if self._boots and load:
            self._count_boot()
        if load:
            self._load_either()
        elif self._slot in self._kept:
            self._serve(None, self._kept[self._slot]["sha256"])

    def judged(self) -> None:
        """A window was judged; the last one of a probation ends it."""
        if self._boots and self._proof.window():
            self._boots = 0
            self._keep()

    def spare(self) -> None:
        """The board is reset by choice: that is no start in vain for a model on probation."""
        if self._boots > 1:
            self._boots -= 1
            self._keep()

    def _count_boot(self) -> None:
        """Go on with the probation, or back to the model before."""
        self._boots += 1
        if self._boots > MOST_BOOTS and other(self._slot) in self._kept:
            failed = self._kept[self._slot]["sequence"]
            self.relapse = "model {} judged no {} windows in {} starts".format(failed, WINDOWS, MOST_BOOTS)
            self._slot, self._boots = other(self._slot), 0
        self._keep()

    def check(self, offer: wire.Offer) -> None:
        """Raise Refused unless the offer is newer than what is in service."""
        if offer.sha256.hex() == self.digest:
            raise Refused(304, "already in service")
        if offer.sequence <= self.sequence:
            raise Refused(403, "sequence {} is not above {}".format(offer.sequence, self.sequence))

    def install(self, offer: wire.Offer) -> None:
        """Put the model that came as `arriving` into service, `offer.model` being its place in `room`; raises Refused,
        and then nothing has changed."""
        self._serve(None, None)
        try:
            judge = self._tried(offer)
            slot, digest = self._spare(), offer.sha256.hex()
            self._move(slot)
            self._point(slot, {"sequence": offer.sequence, "sha256": digest, "bytes": len(offer.model)})
        except (Refused, MemoryError):
            self._load_either()
            raise
        self._serve(judge, digest)
        release(*READERS)

    def _spare(self) -> str:
        """The slot to overwrite: the idle one, unless that holds the only model that has proved good."""
        idle = other(self._slot)
        return self._slot if self._boots and idle in self._kept else idle

    def _tried(self, offer: wire.Offer) -> Scorer:
        """A judge that gave the trial's score."""
        try:
            if not _read(self.arriving, offer.model, offer.sha256):
                raise Refused(500, "{} reads back differently".format(ARRIVING))
            judge = Scorer(Model(offer.model))
        except OSError as error:
            raise Refused(500, "{}: {}".format(ARRIVING, error))
        except (ModelError, ValueError, MemoryError) as error:
            raise Refused(400, str(error))
        if judge.length != self._features or len(offer.trial) != self._features:
            raise Refused(400, "made for {} features, this sensor has {}".format(judge.length, self._features))
        score = judge.score(offer.trial)
        if score != offer.trial_score:
            raise Refused(400, "its trial scored {}, expected {}".format(score, offer.trial_score))
        return judge

    def _move(self, slot: str) -> None:
        try:
            os.rename(self.arriving, self._path(slot + ".tflite"))
        except OSError as error:
            raise Refused(500, "slot {}: {}".format(slot, error))

    def _point(self, slot: str, kept: dict) -> None:
        """From the next boot on, serve from `slot`."""
        before = self._slot, self._kept, self._boots
        self._slot, self._kept, self._boots = slot, dict(self._kept), 1
        self._kept[slot] = kept
        try:
            self._write_pointer()
        except OSError as error:
            self._slot, self._kept, self._boots = before
            raise Refused(500, "{}: {}".format(POINTER, error))
        self._proof, self.relapse = Proof(), ""

    def _keep(self) -> None:
        """Write the pointer, if flash lets us: what it says is at worst counted once more."""
        try:
            self._write_pointer()
        except OSError as error:
            print(POINTER, error)

    def _write_pointer(self) -> None:
        """Replace slots.json."""
        replace(self._path(POINTER), {"slot": self._slot, "kept": self._kept, "boots": self._boots})

    def _load_either(self) -> None:
        """Judge by the model in service, or the one before it when that is damaged."""
        for slot in (self._slot, other(self._slot)):
            if slot in self._kept and self._load(slot):
                self._slot = slot
                break
        release(*READERS)

    def _load(self, slot: str) -> bool:
        """Read a slot's model into the buffer and judge by it; False when it is damaged."""
        kept = self._kept[slot]
        model = self.room[: kept["bytes"]]
        try:
            if not _read(self._path(slot + ".tflite"), model, bytes.fromhex(kept["sha256"])):
                return False
            self._serve(Scorer(Model(model)), kept["sha256"])
        except (OSError, ModelError, ValueError, MemoryError):
            return False
        return True

    def _serve(self, judge: "Scorer | None", digest: "str | None") -> None:
        self.judge = judge
        self.digest = digest
        self.key = bytes.fromhex(digest)[:8] if digest else bytes(8)

    def _path(self, name: str) -> str:
        return self._folder + "/" + name


def _read(path: str, into, sha256: bytes) -> bool:
    """Fill `into` from a file; whether it is all of it, and what its digest says. Raises OSError."""
    with open(path, "rb") as file:
        whole = file.readinto(into) == len(into) and not file.read(1)
    return whole and hashlib.sha256(into).digest() == sha256
