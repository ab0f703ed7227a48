"""A model on its way: its bytes go to flash as they come, so that memory holds no model but that in service.

Loaded when one is offered (`ota/receiver.py`).
"""

import asyncio
import hashlib

from ota.offers import Refused
from protocol import offer_frame, wire

_PIECE = 1024  # bytes written in a row, before others have their turn


class Writer:
    """Writes the model that is offered to `slots`, beside those it has."""

    def __init__(self, slots) -> None:
        self._slots = slots
        self._offer: "offer_frame.Offer | None" = None  # once its head came

    def admit(self, manifest) -> None:
        """Raise Refused for an offer that no model of the right size can be in."""
        room = len(self._slots.room)
        if manifest.shape.length > offer_frame.OFFER_HEADER + room + wire.MAX_FEATURES:
            raise Refused(400, "{} bytes, room for {}".format(manifest.shape.length, room))
        self._length = manifest.shape.length

    async def take(self, payload) -> None:
        """Write the next bytes; raises Refused."""
        try:
            if not self._offer:
                self._begin(payload)
                payload = payload[offer_frame.OFFER_HEADER :]
            for at in range(0, len(payload), _PIECE):
                self._write(payload[at : at + _PIECE])
                await asyncio.sleep_ms(0)
        except wire.WireError as error:
            raise Refused(400, str(error))
        except OSError as error:
            raise Refused(500, "{}: {}".format(self._slots.arriving, error))

    async def finish(self, _manifest) -> "offer_frame.Offer | None":
        """The offer; its model is the room that `ModelSlots.install` reads it into. Raises Refused."""
        if self._sum.digest() != self._offer.sha256:
            raise Refused(400, "the model is not what its digest says")
        return self._offer

    def _begin(self, head) -> None:
        offer, size, _ = offer_frame.unpack_offer_head(head, self._length)
        self._check(offer)
        if size > len(self._slots.room):
            raise Refused(400, "a model of {} bytes, room for {}".format(size, len(self._slots.room)))
        offer.model = self._slots.room[:size]
        self._offer, self._left, self._sum = offer, size, hashlib.sha256()
        self._file = open(self._slots.arriving, "wb")  # noqa: SIM115 - closed with its last byte

    def _check(self, offer) -> None:
        """Raise Refused unless the offer is newer than what is in service."""
        if offer.sha256.hex() == self._slots.digest:
            raise Refused(304, "already in service")
        if offer.sequence <= self._slots.sequence:
            raise Refused(403, "sequence {} is not above {}".format(offer.sequence, self._slots.sequence))

    def _write(self, piece) -> None:
        part = piece[: self._left]
        if part:
            self._file.write(part)
            self._sum.update(part)
            self._left -= len(part)
            if not self._left:
                self._file.close()
        self._offer.trial += bytes(piece[len(part) :])
