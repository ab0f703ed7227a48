"""What a sensor says of itself: the JSON that docs/protocol.md describes field by field."""

import gc
import sys

from ota.offers import ROOM
from protocol import wire

FIRMWARE = "0.2.0"


def hello(node) -> dict:
    """All of it, so that nobody configures a sensor twice. node: the sensor, see app.py."""
    settings, boot_count, slots, transducer = node.settings, node.boot_count, node.slots, node.transducer
    said = {
        "v": wire.VERSION,
        "firmware": FIRMWARE,
        "micropython": ".".join(str(part) for part in sys.implementation.version[:3]),
        "board": settings["board"],
        "sensor": settings["sensor"],
        "measured_hz": transducer.measured_hz if transducer else 0.0,
        "features": settings["features"],
        "shard": node.longest_shard,
        "room": ROOM,
        "tree": trees(node.trees),
        "model": slots.digest,
        "sequence": slots.sequence,
        "relapse": slots.relapse,
        "memory": memory(),
        "time": node.clock.now(),
        "uptime": node.clock.uptime(),
        "late": {key: getattr(node.backlog, key) for key in ("waiting", "dropped", "writes")},
    }
    said.update(starts(boot_count))
    if transducer:
        said["transducer"] = {key: getattr(transducer, key) for key in ("fault", "failed", "renewed")}
        said["clipped"] = node.reporter.clipped
    return said


def trees(slots) -> dict:
    """Of its firmware."""
    said = {key: getattr(slots, key) for key in ("sequence", "newest", "code", "proved")}
    said["relapse"] = slots.state["relapse"]
    return said


def starts(boot_count) -> dict:
    """Of its starts."""
    said = {key: getattr(boot_count, key) for key in ("chosen", "boots", "starts", "safe_mode", "error")}
    said["reset"] = boot_count.cause
    if boot_count.retry_s:
        said["retry"], said["reduced"] = boot_count.retry_s, boot_count.reduced
    return said


def memory() -> dict:
    """Bytes: free and used of MicroPython's heap as it is; of ESP-IDF's memory free, its longest piece, least ever.

    `gc.mem_free` counts the piece by which the heap may still grow as free; ESP-IDF needs that for Wi-Fi and TLS.
    """
    gc.collect()
    said = {"free": gc.mem_free(), "used": gc.mem_alloc()}
    try:
        import esp32
    except ImportError:
        return said
    pieces, code = esp32.idf_heap_info(esp32.HEAP_DATA), esp32.idf_heap_info(esp32.HEAP_EXEC)
    said["longest"] = max(piece[2] for piece in pieces)
    said["free"] = max(0, said["free"] - said["longest"])
    said["idf_free"], said["least"] = (sum(piece[i] for piece in pieces) for i in (1, 3))
    said["code"] = sum(piece[1] for piece in code)
    return said
