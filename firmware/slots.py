"""The two places a sensor keeps a model in, A and B: the one in service, and the one the next model is tried in.

Each is a file and, for the one in service, a buffer of the same layout as an offer, so that a model runs in the very
bytes it arrived in. `slots.json` says which is in service; it is replaced in one rename, so a power cut leaves the old
model or the new one. A model takes over only after its digest, its loading and its trial have been seen to be right. It
is on probation then: a board that starts again and again before it judged enough windows goes back to the one before.
"""

import hashlib
import json
import os

import shards
import wire
from refused import Refused
from score import Judge
from tflite import Model, ModelError

POINTER = "slots.json"
PROBATION = 20  # windows a new model must judge, to stay ...
MOST_BOOTS = 3  # ... within so many starts


class Slots:
    """Models of `features` features in `folder`; `room` is the largest in bytes. Both buffers are allocated here, once.

    judge: of the model in service, or None. digest: its SHA-256 in hex. key: the first 8 bytes of that, as windows
    carry it. sequence: the number of the newest model that ever took over; 0 before the first. relapse: why the model
    before serves again, if it does.
    """

    def __init__(self, folder: str, room: int, features: int) -> None:
        self._folder = folder
        self._features = features
        size = wire.OFFER_HEADER + room + wire.MAX_FEATURES
        self._serving = bytearray(-(-size // wire.MODEL_SHARD) * wire.MODEL_SHARD)
        self.incoming = bytearray(len(self._serving))  # an offer is decoded into this, in whole shards
        self.judge: "Judge | None" = None
        self.digest: "str | None" = None
        self.key = bytes(8)
        self._slot = "b"
        self._kept: "dict[str, dict]" = {}  # of each slot in use: sequence, sha256, bytes
        self._boots = 0  # since a new model took over; 0 when it has proved good
        self._to_judge = 0  # windows until then
        self.relapse = ""
        self._offered = b""

    @property
    def sequence(self) -> int:
        return max([kept["sequence"] for kept in self._kept.values()] + [0])

    def boot(self) -> None:
        """Load the model in service, or the one before it when that is damaged."""
        try:
            with open(self._path(POINTER)) as file:
                state = json.load(file)
            self._slot, self._kept, self._boots = state["slot"], state["kept"], state.get("boots", 0)
        except (OSError, ValueError, KeyError, TypeError):
            return
        if self._boots:
            self._count_boot()
        for slot in (self._slot, _other(self._slot)):
            if slot in self._kept and self._load(slot):
                self._slot = slot
                return

    def judged(self) -> None:
        """A window was judged; the last one of a probation ends it."""
        if self._boots:
            self._to_judge -= 1
            if self._to_judge <= 0:
                self._boots = 0
                self._keep()

    def _count_boot(self) -> None:
        """Go on with the probation, or back to the model before."""
        self._boots += 1
        self._to_judge = PROBATION
        if self._boots > MOST_BOOTS and _other(self._slot) in self._kept:
            failed = self._kept[self._slot]["sequence"]
            self.relapse = "model {} judged no {} windows in {} starts".format(failed, PROBATION, MOST_BOOTS)
            self._slot, self._boots = _other(self._slot), 0
        self._keep()

    def admit(self, manifest: shards.Manifest) -> None:
        """Raise Refused for what cannot be decoded where it will run."""
        if manifest.shape.blocks > 1:
            raise Refused(400, "{} shards, room for {} bytes".format(manifest.shape.k, len(self.incoming)))

    async def take(self, payload) -> None:
        """The offer has come, in `incoming`."""
        self._offered = payload

    async def finish(self, _manifest: shards.Manifest) -> None:
        """It is what its manifest says: put it into service, or raise Refused."""
        self.install(self._offered)

    def install(self, frame: bytes) -> None:
        """Put the offer `frame`, a slice of `incoming`, into service; raises Refused, and then nothing has changed."""
        offer = self._checked(frame)
        judge = self._tried(offer)
        slot = self._spare()
        self._write(slot, offer)
        digest = offer.sha256.hex()
        self._point(slot, {"sequence": offer.sequence, "sha256": digest, "bytes": len(offer.model)})
        self._serve(judge, digest)
        self._serving, self.incoming = self.incoming, self._serving

    def _spare(self) -> str:
        """The slot to overwrite: the idle one, unless that holds the only model that has proved good."""
        idle = _other(self._slot)
        return self._slot if self._boots and idle in self._kept else idle

    def _checked(self, frame: bytes) -> wire.Offer:
        """The offer, if it is whole and newer than what is in service."""
        try:
            offer = wire.unpack_offer(frame)
        except wire.WireError as error:
            raise Refused(400, str(error))
        if offer.sha256.hex() == self.digest:
            raise Refused(304, "already in service")
        if offer.sequence <= self.sequence:
            raise Refused(403, "sequence {} is not above {}".format(offer.sequence, self.sequence))
        if hashlib.sha256(offer.model).digest() != offer.sha256:
            raise Refused(400, "the model is not what its digest says")
        return offer

    def _tried(self, offer: wire.Offer) -> Judge:
        """A judge that gave the trial's score."""
        try:
            judge = Judge(Model(offer.model))
        except (ModelError, ValueError, MemoryError) as error:
            raise Refused(400, str(error))
        if judge.length != self._features or len(offer.trial) != self._features:
            raise Refused(400, "made for {} features, this sensor has {}".format(judge.length, self._features))
        score = judge.score(offer.trial)
        if score != offer.trial_score:
            raise Refused(400, "its trial scored {}, expected {}".format(score, offer.trial_score))
        return judge

    def _write(self, slot: str, offer: wire.Offer) -> None:
        try:
            with open(self._path(slot + ".tflite"), "wb") as file:
                file.write(offer.model)
            if self._digest_of(slot) != offer.sha256:
                raise OSError("it reads back differently")
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
        self._to_judge, self.relapse = PROBATION, ""

    def _keep(self) -> None:
        """Write the pointer, if flash lets us: what it says is at worst counted once more."""
        try:
            self._write_pointer()
        except OSError as error:
            print(POINTER, error)

    def _write_pointer(self) -> None:
        """Replace slots.json: a file beside it, then a rename."""
        with open(self._path("slots.tmp"), "w") as file:
            json.dump({"slot": self._slot, "kept": self._kept, "boots": self._boots}, file)
        os.rename(self._path("slots.tmp"), self._path(POINTER))

    def _load(self, slot: str) -> bool:
        """Read a slot's model into the serving buffer and judge by it; False when it is damaged."""
        kept = self._kept[slot]
        view = memoryview(self._serving)[wire.OFFER_HEADER : wire.OFFER_HEADER + kept["bytes"]]
        try:
            with open(self._path(slot + ".tflite"), "rb") as file:
                file.readinto(view)
            if hashlib.sha256(view).digest().hex() != kept["sha256"]:
                return False
            self._serve(Judge(Model(view)), kept["sha256"])
        except (OSError, ModelError, ValueError, MemoryError):
            return False
        return True

    def _serve(self, judge: Judge, digest: str) -> None:
        self.judge = judge
        self.digest = digest
        self.key = bytes.fromhex(digest)[:8]

    def _digest_of(self, slot: str) -> bytes:
        digest, piece = hashlib.sha256(), bytearray(256)
        with open(self._path(slot + ".tflite"), "rb") as file:
            while count := file.readinto(piece):
                digest.update(memoryview(piece)[:count])
        return digest.digest()

    def _path(self, name: str) -> str:
        return self._folder + "/" + name


def _other(slot: str) -> str:
    return "b" if slot == "a" else "a"
