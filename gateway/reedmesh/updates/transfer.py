"""One coded transfer to one sensor: a manifest that announces it, then shards block by block, as the sensor asks.

Models and firmware go this way. A sensor asks for a block until it can decode it; each answer has other shards than the
ones before, and one more than were asked for, so that one lost on the way costs no further request.
"""

from reedmesh.coding.bundle import Bundle, shape_for
from reedmesh.links.message import Message, Publisher
from reedmesh.protocol import shards, wire
from reedmesh.readings.sensor import Sensor

SPARE = 1  # parity shards sent beyond those that are missing
MOST_ASKED = 40  # times that a block may be asked for; a sensor gives up after 10 without an answer


class Transfer:
    """`payload` on its way from `gateway` to `sensor`. kind: "model" or "firmware", as in the topics.

    family: what the manifest names. sequence: grows with each transfer of a kind, as long as the sensor lives.
    """

    def __init__(self, gateway: str, sensor: Sensor, kind: str, payload: bytes, family: str, sequence: int) -> None:
        shape = shape_for(len(payload), sensor.longest_shard, sensor.room)
        self._bundle = Bundle(payload, family, gateway, sequence, sequence, shape)
        self._topic = wire.topic(gateway, sensor.name, kind)
        self._asked: dict[int, int] = {}  # block -> how often it was asked for

    @property
    def blocks(self) -> int:
        """Blocks that the payload is cut into, 1 or more."""
        return self._bundle.shape.blocks

    @property
    def asked(self) -> int:
        """How often any block was asked for."""
        return sum(self._asked.values())

    async def announce(self, publisher: Publisher, key: bytes | None) -> bool:
        """Publish the manifest, sealed with the sensor's key if it has one; returns whether the broker took it.

        Nothing is coded yet, so the manifest lists no digests of shards: their CRC or seal is enough.
        """
        manifest = self._bundle.manifest
        frame = shards.sealed(manifest, key) if key else shards.pack_manifest(manifest)
        return await publisher.publish(Message(f"{self._topic}/manifest", frame, qos=1))

    def count(self, block: int) -> bool:
        """Count a request for `block`; returns False once it was asked for more often than MOST_ASKED."""
        self._asked[block] = self._asked.get(block, 0) + 1
        return self._asked[block] <= MOST_ASKED

    async def send(self, publisher: Publisher, block: int, missing: int | None = None) -> None:
        """Publish shards of `block` that were not sent before: `missing`, at most the whole block, and SPARE more."""
        whole = self._bundle.shape.k
        wanted = whole if missing is None else max(1, min(missing, whole))
        for frame in self._bundle.wave({block: wanted + SPARE}):
            await publisher.publish(Message(f"{self._topic}/shard", frame))
