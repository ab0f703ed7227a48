"""MicroPython's official images: fetched once, kept, and compared ever after with the digest of that first time.

micropython.org publishes no digests. A board's file pins its image with `sha256` in [image]: then no other is taken.
For a board without one the first download is believed (as ssh believes a new host) and every later one must be the
same; `digests.json` beside the images may be filled beforehand with digests that came another way.
"""

import hashlib
import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import IO

from reedmesh.errors import ConfigError
from reedmesh.inference.boards import Board
from reedmesh.provisioning import partitions

SOURCE = "https://micropython.org/resources/firmware/"
LARGEST = 16 << 20  # bytes
PIECE, BAR = 65536, 40  # bytes read at a time; characters of the bar
SECONDS = 60.0  # without a byte, until a download is given up


def image(board: Board, source: str = SOURCE, cache: Path | None = None) -> bytes:
    """The image for `board`; raises ConfigError when it cannot be had, is none for it, or is not what it was."""
    folder = cache or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "reedmesh" / "micropython"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / board.image.name
    if not path.exists():
        _fetch(source + board.image.name, path)
    content = path.read_bytes()
    _check(path, content, board)
    return content


def _fetch(url: str, path: Path) -> None:
    """Download `url`, whole or not at all."""
    draft = path.with_suffix(".part")
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer, draft.open("wb") as out:  # noqa: S310 - an address of ours
            size = int(answer.headers.get("Content-Length") or 0)
            if size > LARGEST:
                raise ConfigError(f"{url}: larger than any image of MicroPython")
            got = _copy(answer, out, size, f"fetching {url}")
        if size and got < size:
            raise OSError(f"{got} of {size} bytes came")
        draft.rename(path)
    except OSError as error:
        raise ConfigError(f"{url}: {error}; get it another way and say --firmware PATH") from error
    finally:
        draft.unlink(missing_ok=True)


def _copy(source: IO[bytes], out: IO[bytes], size: int, label: str) -> int:
    """Copy all of `source`, showing how far it is where somebody looks on; returns the bytes."""
    got, shown = 0, sys.stderr.isatty()
    print(label, file=sys.stderr)
    while piece := source.read(PIECE):
        got += out.write(piece)
        if got > LARGEST:
            raise OSError("larger than any image of MicroPython")
        if shown and size:
            done = BAR * got // size
            print(f"\r[{'=' * done:{BAR}}] {100 * got // size:3} %", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr, end="\n" if shown and size else "")
    return got


def _check(path: Path, content: bytes, board: Board) -> None:
    """Raise ConfigError when the image differs from the first one of its name; the first must be one at all."""
    record, digest = path.with_name("digests.json"), hashlib.sha256(content).hexdigest()
    if board.image.sha256 and digest != board.image.sha256:
        path.unlink()
        raise ConfigError(f"{path.name}: its SHA-256 is {digest}, and the board's file says {board.image.sha256}")
    known: dict[str, str] = json.loads(record.read_text()) if record.exists() else {}
    if path.name not in known:
        try:
            partitions.check(content, board, path.name)
        except ConfigError:
            path.unlink()  # the page of a hotel's network, perhaps: the next attempt fetches anew
            raise
        draft = record.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(known | {path.name: digest}, indent=1, sort_keys=True) + "\n")
        draft.rename(record)
    elif known[path.name] != digest:
        raise ConfigError(f"{path}: is not what it was when first fetched: delete it to fetch it again, trust no copy")
