"""The two places a sensor keeps a model in, A and B: the one in service, and the one the next model is tried in.

Each is a file and, for the one in service, a buffer of the same layout as an offer, so that a model runs in the very
bytes it arrived in. `slots.json` says which is in service; it is replaced in one rename, so a power cut leaves the old
model or the new one. A model takes over only after its digest, its loading and its trial have been seen to be right.
"""

import hashlib
import json
import os

import wire
from score import Judge
from tflite.flatbuffer import ModelError
from tflite.model import Model

POINTER = "slots.json"


class Refused(Exception):
    """A model that must not take over; `code` is HTTP-like, the text says why."""

    def __init__(self, code, reason):
        super().__init__(reason)
        self.code = code


class Slots:
    """Models in `folder`; `room` is the largest model in bytes. Both buffers are allocated here, once."""

    def __init__(self, folder, room, features):
        self._folder = folder
        self._features = features
        self._serving = bytearray(wire.OFFER_HEADER + room + wire.MAX_FEATURES)
        self.incoming = bytearray(len(self._serving))  # an offer is received into this
        self.judge = None
        self.key = bytes(8)  # first bytes of the digest of the model in service, as windows carry it
        self.state = {"slot": "b", "a": None, "b": None}

    @property
    def sequence(self):
        """The number of the newest model that ever took over; 0 before the first."""
        return max((entry or {}).get("sequence", 0) for entry in (self.state["a"], self.state["b"]))

    @property
    def digest(self):
        """SHA-256 of the model in service as hex, or None."""
        return self.state[self.state["slot"]]["sha256"] if self.judge else None

    def boot(self):
        """Load the model in service, or the one before it when that is damaged."""
        try:
            with open(self._path(POINTER)) as file:
                self.state = json.load(file)
        except (OSError, ValueError):
            return
        for slot in (self.state["slot"], _other(self.state["slot"])):
            if self.state[slot] and self._load(slot):
                self.state["slot"] = slot
                return

    def install(self, frame):
        """Put the offer `frame`, a slice of `incoming`, into service; raises Refused, and then nothing has changed."""
        offer = self._checked(frame)
        judge = self._tried(offer)
        slot = _other(self.state["slot"])
        self._write(slot, offer)
        self.state[slot] = {"sequence": offer.sequence, "sha256": offer.sha256.hex(), "bytes": len(offer.model)}
        self.state["slot"] = slot
        self._point()
        self._serve(judge, offer.sha256)
        self._serving, self.incoming = self.incoming, self._serving

    def _checked(self, frame):
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

    def _tried(self, offer):
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

    def _write(self, slot, offer):
        try:
            with open(self._path(slot + ".tflite"), "wb") as file:
                file.write(offer.model)
            if self._digest_of(slot) != offer.sha256:
                raise OSError("it reads back differently")
        except OSError as error:
            raise Refused(500, "slot {}: {}".format(slot, error))

    def _point(self):
        with open(self._path("slots.tmp"), "w") as file:
            json.dump(self.state, file)
        os.rename(self._path("slots.tmp"), self._path(POINTER))

    def _load(self, slot):
        """Read a slot's model into the serving buffer and judge by it; False when it is damaged."""
        entry = self.state[slot]
        view = memoryview(self._serving)[wire.OFFER_HEADER : wire.OFFER_HEADER + entry["bytes"]]
        try:
            with open(self._path(slot + ".tflite"), "rb") as file:
                file.readinto(view)
            if hashlib.sha256(view).digest().hex() != entry["sha256"]:
                return False
            self._serve(Judge(Model(view)), bytes.fromhex(entry["sha256"]))
        except (OSError, ModelError, ValueError):
            return False
        return True

    def _serve(self, judge, sha256):
        self.judge = judge
        self.key = sha256[:8]

    def _digest_of(self, slot):
        digest, piece = hashlib.sha256(), bytearray(256)
        with open(self._path(slot + ".tflite"), "rb") as file:
            while count := file.readinto(piece):
                digest.update(memoryview(piece)[:count])
        return digest.digest()

    def _path(self, name):
        return self._folder + "/" + name


def _other(slot):
    return "b" if slot == "a" else "a"
