"""Windows that come late, after an outage of the link, and the receipts for them. Runs under both Pythons.

Frames are as those of `wire.py`; one that does not fit raises WireError with the reason.
"""

from hmac import digest
from struct import calcsize, pack, unpack_from

from .wire import VERSION, WINDOW_HEADER, Window, WireError, check_header, unpack_window

# version, spare, spare, seconds since the window was judged or UNKNOWN; then the window's frame
_LATE = "<BBHI"
LATE_HEADER = calcsize(_LATE)
UNKNOWN = 0xFFFFFFFF

# version, spare, spare, boot and number of the window
_TAKEN = "<BBHII"
_RECEIPT = b"reedmesh receipt\0"  # so that its tag can pass for no other that the key makes


def pack_late(age: int, frame: "bytes | bytearray") -> bytes:
    """The frame of a window (a frame itself) that is sent `age` seconds after it was judged; UNKNOWN: some time."""
    return pack(_LATE, VERSION, 0, 0, age) + bytes(frame)


def unpack_late(frame: bytes) -> "tuple[int, Window]":
    """Age in seconds, or UNKNOWN, and the window; raises WireError."""
    check_header("late", frame, LATE_HEADER)
    _, flags, spare, age = unpack_from(_LATE, frame, 0)
    if flags or spare:
        raise WireError("late: unknown flags {:#x} {:#x}".format(flags, spare))
    return age, unpack_window(frame[LATE_HEADER:])


def boot_and_number(frame: "bytes | bytearray") -> "tuple[int, int]":
    """Which window a frame, without a count of clipped readings, is of; raises WireError for what is no such frame."""
    check_header("window", frame, WINDOW_HEADER)
    size, boot, number = unpack_from("<HII", frame, 2)
    if not size or len(frame) != WINDOW_HEADER + size:
        raise WireError("window: {} features declared in {} bytes".format(size, len(frame)))
    return boot, number


def pack_taken(boot: int, number: int, key: "bytes | None" = None) -> bytes:
    """The frame of a receipt for a late window, with a tag where the sensor has a key: who gets one forgets the window.

    A sensor knows what it waits for, so nobody reads one.
    """
    body = pack(_TAKEN, VERSION, 0, 0, boot, number)
    return body + digest(key, _RECEIPT + body, "sha256")[:16] if key else body
