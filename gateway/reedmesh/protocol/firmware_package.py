"""A package: the files of a sensor's firmware as one payload, in one file that both sides run.

A head, then file after file, so that a sensor writes each as it comes and holds none of them whole. The head says for
which code the files were compiled ("xtensawin-6-3": architecture, version and sub-version of .mpy) and their number in
time. Little-endian; every declared size is checked before anything is made of it, WireError.
"""

from struct import calcsize, pack, unpack_from

from .wire import WireError, is_name

VERSION = 1
FAMILY = "firmware-"  # then the code: what the manifest of a package says instead of a family of models
_HEAD = "<BBHI24s"  # version, spare, files, sequence, code
HEAD = calcsize(_HEAD)
_ENTRY = "<BI"  # length of the path, bytes of the file
ENTRY = calcsize(_ENTRY)
MOST_FILES = 200
LONGEST_PATH = 64
LARGEST = 1 << 20  # bytes of a package
_ARCHITECTURES = ("", "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp", "xtensa",
                  "xtensawin", "rv32imc", "rv64imc")  # fmt: skip


class PackageHeader:
    """files: how many follow. sequence: grows with every package. code: what can run them."""

    def __init__(self, files: int, sequence: int, code: str) -> None:
        self.files = files
        self.sequence = sequence
        self.code = code


def code_name(flags: int, version: int) -> str:
    """The name of compiled code, from bytes 2 (flags) and 1 (version) of a .mpy, or of `sys.implementation._mpy`.

    >>> code_name(0x2B, 6)
    'xtensawin-6-3'
    """
    index = flags >> 2 & 15
    architecture = _ARCHITECTURES[index] if index < len(_ARCHITECTURES) else ""
    return "{}-{}-{}".format(architecture or "any", version, flags & 3)


def pack_head(head: PackageHeader) -> bytes:
    """The first HEAD bytes of a package."""
    return pack(_HEAD, VERSION, 0, head.files, head.sequence, head.code.encode())


def unpack_head(data: bytes) -> PackageHeader:
    """The head in the first HEAD bytes of a package; raises WireError for another version or a number out of range."""
    if len(data) < HEAD:
        raise WireError("package: {} bytes, a head alone has {}".format(len(data), HEAD))
    version, spare, files, sequence, padded = unpack_from(_HEAD, data, 0)
    try:
        code = padded.rstrip(b"\0").decode()
    except UnicodeError:
        code = ""
    if version != VERSION or spare or not 0 < files <= MOST_FILES or not is_name(code):
        raise WireError("package: version {}, {} files for {!r}".format(version, files, code))
    return PackageHeader(files, sequence, code)


def pack_entry(path: str, size: int) -> bytes:
    """The bytes before a file of `size` bytes: length of the path, path, size."""
    return pack(_ENTRY, len(path), size) + path.encode()


def entry_length(data: bytes) -> int:
    """Bytes of the entry that begins with `data`, of which at least the first byte is there."""
    return ENTRY + data[0]


def unpack_entry(data: bytes) -> "tuple[str, int]":
    """Path and bytes of the file that follows; raises WireError for a path that is not `is_path`, or size 0."""
    if len(data) < ENTRY:
        raise WireError("package: {} bytes, an entry alone has {}".format(len(data), ENTRY))
    length, size = unpack_from(_ENTRY, data, 0)
    try:
        path = bytes(data[ENTRY : ENTRY + length]).decode()
    except UnicodeError:
        path = ""
    if len(path) != length or not is_path(path) or not 0 < size <= LARGEST:
        raise WireError("package: file {!r} of {} bytes".format(path[:80], size))
    return path, size


def is_path(path: str) -> bool:
    """Whether it is the path of a .mpy file, at most one folder deep, in names of a-z 0-9 _ - that stay in the slot.

    >>> is_path("net/mqtt.mpy"), is_path("../main.mpy")
    (True, False)
    """
    stem = path[:-4]
    return (
        len(path) <= LONGEST_PATH and path[-4:] == ".mpy" and stem.count("/") < 2 and all(map(is_name, stem.split("/")))
    )
