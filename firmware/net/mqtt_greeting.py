"""What an MQTT client says and hears once a connection: CONNECT, CONNACK, SUBSCRIBE. Loaded for that and let go.

From the OASIS standard, as `mqtt_packets.py` is. Runs under MicroPython and CPython.
"""

from struct import pack

from .mqtt_packets import CONNACK, Incoming, MqttError, put_length

_REFUSALS = (  # 3.2.2.3
    "accepted", "protocol version not supported", "client name not allowed", "broker not available",
    "wrong user or password", "not authorised",
)  # fmt: skip


def connect(name: str, keepalive: int, will=None, user: "str | None" = None, password: "str | None" = None) -> bytes:
    """CONNECT to a clean session (3.1). keepalive: seconds, 0..65535. will: (topic, payload, qos, retain)."""
    flags, fields = 0x02, [name]
    if will:
        topic, payload, qos, retain = will
        flags |= 0x04 | qos << 3 | retain << 5
        fields += [topic, payload]
    if user is not None:
        flags |= 0x80 if password is None else 0xC0
        fields += [user] if password is None else [user, password]
    head = pack(">H4sBBH", 4, b"MQTT", 4, flags, keepalive)
    return _packet(0x10, head + b"".join([_field(field) for field in fields]))


def subscribe(packet_id: int, filters: "list[tuple[str, int]]") -> bytes:
    """SUBSCRIBE to all of (topic filter, qos) at once (3.8); packet_id, 1..65535, comes back in the SUBACK."""
    return _packet(0x82, pack(">H", packet_id) + b"".join([_field(name) + bytes((qos,)) for name, qos in filters]))


def check_accepted(packet: Incoming) -> None:
    """Raises MqttError, in words, unless `packet` is a CONNACK that lets us in."""
    if packet.kind != CONNACK:
        raise MqttError("packet of type {} before the CONNACK".format(packet.kind))
    code = packet.codes[0]
    if code:
        raise MqttError("broker refuses: " + (_REFUSALS[code] if code < len(_REFUSALS) else "code {}".format(code)))


def _packet(first: int, body: bytes) -> bytes:
    head = bytearray(5)
    head[0] = first
    return bytes(head[: put_length(head, 1, len(body))]) + body


def _field(value: "str | bytes") -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return pack(">H", len(data)) + data
