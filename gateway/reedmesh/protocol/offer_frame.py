"""The offer of a model to a sensor, as bytes. Runs under both Pythons; a sensor loads it when a model is offered.

Frames are as those of `wire.py`; one that does not fit raises WireError with the reason.
"""

from struct import calcsize, pack, unpack_from

from .wire import MAX_FEATURES, VERSION, WireError, check_header

# version, spare, number of features of the trial, sequence number, model's length, trial's score, model's SHA-256
_OFFER = "<BBHIII32s"
OFFER_HEADER = calcsize(_OFFER)
MAX_MODEL = 65536
MODEL_SHARD = 1024  # bytes of the shards in which an offer travels


class Offer:
    """A model offered to a sensor, with the trial that shows it runs there as it runs here.

    sequence: grows with every model a gateway ever offers this sensor. model: the .tflite bytes, at a multiple of 16 in
    the frame, so that it can run where it arrived. sha256: of `model`. trial: int8 features whose score on this
    model is `trial_score`.
    """

    def __init__(self, sequence: int, model: bytes, sha256: bytes, trial: bytes, trial_score: int) -> None:
        self.sequence = sequence
        self.model = model
        self.sha256 = sha256
        self.trial = trial
        self.trial_score = trial_score


def pack_offer(offer: Offer) -> bytes:
    """The frame of `offer`: header, model, trial features."""
    sizes = len(offer.trial), offer.sequence, len(offer.model)
    header = pack(_OFFER, VERSION, 0, *sizes, offer.trial_score, offer.sha256)
    return header + bytes(offer.model) + bytes(offer.trial)


def unpack_offer(frame: bytes) -> Offer:
    """The offer in `frame`, its model and trial being slices of it; raises WireError. The digest is not checked."""
    offer, size, _ = unpack_offer_head(frame, len(frame))
    end = OFFER_HEADER + size
    offer.model, offer.trial = frame[OFFER_HEADER:end], frame[end:]
    return offer


def unpack_offer_head(head: bytes, length: int) -> "tuple[Offer, int, int]":
    """An offer of `length` bytes, of which `head` are the first, still without model and trial; and the bytes of both.

    Raises WireError.
    """
    check_header("offer", head, OFFER_HEADER)
    _, _, trial, sequence, size, score, sha256 = unpack_from(_OFFER, head, 0)
    if not 0 < trial <= MAX_FEATURES or not 0 < size <= MAX_MODEL or length != OFFER_HEADER + size + trial:
        raise WireError("offer: {} trial and {} model bytes declared in {}".format(trial, size, length))
    return Offer(sequence, b"", sha256, b"", score), size, trial
