"""The wire: topic names and binary frames, in one file that CPython (gateway) and MicroPython (sensor) both run.

Topics are `reedmesh/<gateway>/<sensor>/<leaf>`, or `reedmesh/<gateway>/<leaf>` for what the gateway says of itself.
Frames are little-endian and start with their version. Every declared size is checked against the bytes at hand before
anything is taken from them; a frame that does not fit raises WireError with the reason. Offers of models are in
`offer_frame.py`, windows that come late in `late_frame.py`: a sensor loads those when it needs them.
"""

from struct import calcsize, pack_into, unpack_from

BASE = "reedmesh"
VERSION = 1
MAX_PAYLOAD = 131072  # what every broker of the portable profile carries

MAX_FEATURES = 512
SCORED = 1  # flag: the window's score and model are set
CLIPPED = 2  # flag: a count of clipped readings follows the features, u16
WINDOW_CLIPPED = 2  # bytes of it

# version, flags, number of features, boot, window number, windows lost by overrun since boot, score, model
_WINDOW = "<BBHIIII8s"
WINDOW_HEADER = calcsize(_WINDOW)


class WireError(Exception):
    """Bytes from the network that are not what they claim to be; the message says where they stop making sense."""


def topic(gateway: str, *parts: str) -> str:
    """Return the topic of a gateway, or of its sensor, that ends in `parts`; raises WireError for a bad name.

    >>> topic("gw1", "press3", "window")
    'reedmesh/gw1/press3/window'
    """
    for name in (gateway,) + parts:
        if not is_name(name):
            raise WireError("{!r} is no name for a topic: 1 to 32 of a-z 0-9 _ -".format(name))
    return "/".join((BASE, gateway) + parts)


def is_name(name: str) -> bool:
    """Whether `name` is 1 to 32 characters of a-z, 0-9, _ and -: every broker accepts these as part of a topic.

    >>> is_name("press-3"), is_name("Press 3")
    (True, False)
    """
    return 0 < len(name) <= 32 and all(c in "abcdefghijklmnopqrstuvwxyz0123456789_-" for c in name)


def split_topic(text: str) -> "list[str]":
    """Return the parts of a topic after the base; raises WireError when it is not one of ours.

    >>> split_topic("reedmesh/gw1/press3/window")
    ['gw1', 'press3', 'window']
    """
    parts = text.split("/", 8)
    if len(parts) < 3 or len(parts) > 8 or parts[0] != BASE or not all(is_name(part) for part in parts[1:]):
        raise WireError("{!r} is not a {}/ topic".format(text[:80], BASE))
    return parts[1:]


class Window:
    """One judged window as a sensor publishes it.

    features: int8 bytes, 1..512 of them. boot: random per start. number: counts windows since boot. lost: windows
    discarded since boot because the transducer overran. score: sum of squared errors, see `family.py`; None, like
    model (first 8 bytes of the model's SHA-256), while the sensor has no model. clipped: readings of this window,
    0..65535, that stood at an end of the transducer's range.
    """

    def __init__(self, features: "bytes | bytearray", boot: int, number: int) -> None:
        self.features = features
        self.boot = boot
        self.number = number
        self.lost = 0
        self.clipped = 0
        self.score: "int | None" = None
        self.model = bytes(8)


def pack_window(window: Window, into: bytearray) -> int:
    """Write the frame of `window` at the start of `into` and return its length; no allocation.

    into: WINDOW_HEADER bytes, those of the features and WINDOW_CLIPPED.
    """
    size = len(window.features)
    flags, score = (0, 0) if window.score is None else (SCORED, window.score)
    if window.clipped:
        flags |= CLIPPED
        pack_into("<H", into, WINDOW_HEADER + size, min(window.clipped, 65535))
    pack_into(_WINDOW, into, 0, VERSION, flags, size, window.boot, window.number, window.lost, score, window.model)
    into[WINDOW_HEADER : WINDOW_HEADER + size] = window.features
    return WINDOW_HEADER + size + (WINDOW_CLIPPED if window.clipped else 0)


def without_clipped(frame: "bytes | bytearray", size: int) -> bytearray:
    """The frame of a window of `size` features without its count of clipped readings: of the same length always."""
    bare = bytearray(memoryview(frame)[: WINDOW_HEADER + size])
    bare[1] &= ~CLIPPED & 255
    return bare


def unpack_window(frame: bytes) -> Window:
    """The window in `frame`, bytes; raises WireError for a wrong length or version."""
    check_header("window", frame, WINDOW_HEADER)
    _, flags, size, boot, number, lost, score, model = unpack_from(_WINDOW, frame, 0)
    if flags & ~(SCORED | CLIPPED):
        raise WireError("window: unknown flags {:#x}".format(flags))
    end = WINDOW_HEADER + size
    if not 0 < size <= MAX_FEATURES or len(frame) != end + (WINDOW_CLIPPED if flags & CLIPPED else 0):
        raise WireError("window: {} features declared in {} bytes".format(size, len(frame)))
    window = Window(frame[WINDOW_HEADER:end], boot, number)
    window.lost, window.model = lost, model
    window.score = score if flags & SCORED else None
    if flags & CLIPPED:
        (window.clipped,) = unpack_from("<H", frame, end)
    if flags & CLIPPED and not window.clipped:
        raise WireError("window: flagged as clipped without a clipped reading")
    return window


def check_header(what: str, frame: "bytes | bytearray", size: int) -> None:
    """Raise WireError unless a frame has `size` bytes at least and this version."""
    if len(frame) < size:
        raise WireError("{}: {} bytes, a header alone has {}".format(what, len(frame), size))
    if frame[0] != VERSION:
        raise WireError("{}: version {}, this program speaks {}".format(what, frame[0], VERSION))
