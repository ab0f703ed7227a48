"""How a sensor joins its gateway, as its settings say: over the network or on a wire. Needed at the start only."""

import hmac
from binascii import a2b_base64

from net import clock_floor
from net.ntp import Clock
from ota.offers import LONGEST
from protocol import offer_frame


def client(settings: dict, availability: str, take_shard):
    """A client that says under `availability` when it is gone. take_shard(body): called for shards off a wire."""
    if "serial" in settings:
        from net import serial_port

        return serial_port.client(settings["serial"], take_shard, settings.get("key"))
    from net import mqtt  # 12 KiB that a sensor on a wire does without

    broker, name = settings["broker"], settings["gateway"] + ":" + settings["name"]  # NATS refuses a dot
    will = (availability, b'{"state": "offline"}', 1, True)
    user, password = _login(settings)
    context, others = _context(settings, user), [tuple(place) for place in broker.get("others", ())]
    return mqtt.Client(
        broker["host"], broker["port"], name, will=will, user=user, password=password, ssl=context, max_payload=LONGEST,
        others=others,
    )  # fmt: skip


def longest_shard(settings: dict) -> int:
    """Bytes of the shards in which it takes a model."""
    if "serial" not in settings:
        return offer_frame.MODEL_SHARD
    from protocol.serial_message import ADDRESSED_SHARD

    return ADDRESSED_SHARD


def clock(settings: dict, machine, folder: str, built: int) -> Clock:
    """A board's clock is set by NTP: by the server that is named, or else the gateway's machine.

    built: when the firmware was, in seconds since 1970; 0 when that is not known.
    """
    server = settings.get("ntp") or (settings.get("broker") or {}).get("host")
    floor = max(built, settings.get("made", 0))
    return clock_floor.on_board(server, folder, floor) if machine else Clock()


def _login(settings: dict):
    """User and password at the broker; none without a key of our own."""
    if "key" not in settings:
        return None, None
    password = hmac.digest(settings["key"], b"reedmesh mqtt password", "sha256")  # broker/accounts.py derives the same
    return "sensor." + settings["name"], password.hex()


def _context(settings: dict, user):
    """How the link is TLS, if it is."""
    broker = settings["broker"]
    if broker.get("psk") is True:
        return _psk(user, hmac.digest(settings["key"], b"reedmesh tls psk", "sha256"))  # as broker/accounts.py has it
    return _tls(broker["ca"]) if "ca" in broker else None


def _tls(ca: str):
    """A context that takes none but the broker that shows a certificate by `ca`, base64 of DER."""
    import ssl  # and its buffers only where it is used

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED  # type: ignore[attr-defined]
    context.load_verify_locations(cadata=a2b_base64(ca))
    return context


def _psk(user: str, key: bytes):
    """A context that takes none but a broker which knows `key`, and proves that we do."""
    import tls  # ssl.SSLContext passes on only what it knows

    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    try:  # the stubs are of 1.28
        context.psk_identity, context.psk_key = user.encode(), key  # type: ignore[attr-defined]
    except AttributeError:
        raise ValueError("'psk' needs MicroPython 1.29")
    return context
