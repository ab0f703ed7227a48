"""MicroPython's official images: fetched once, kept, and compared ever after with the digest of that first time.

micropython.org publishes no digests, so the first download is believed (as ssh believes a new host) and every later one
must be the same. `digests.json` beside the images may be filled beforehand with digests that came another way.
"""

import hashlib
import json
import os
import shutil
import sys
import urllib.request
from pathlib import Path

from reedmesh.board import Board
from reedmesh.errors import ConfigError

SOURCE = "https://micropython.org/resources/firmware/"
LARGEST = 16 << 20  # bytes
SECONDS = 60.0  # without a byte, until a download is given up


def image(board: Board, source: str = SOURCE, cache: Path | None = None) -> bytes:
    """The image for `board`; raises ConfigError when it cannot be had, or is not what it was."""
    folder = cache or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "reedmesh" / "micropython"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / board.image.name
    if not path.exists():
        _fetch(source + board.image.name, path)
    content = path.read_bytes()
    _check(path, hashlib.sha256(content).hexdigest())
    return content


def _fetch(url: str, path: Path) -> None:
    """Download `url`, whole or not at all."""
    print(f"fetching {url}", file=sys.stderr)
    draft = path.with_suffix(".part")
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer, draft.open("wb") as out:
            if int(answer.headers.get("Content-Length") or 0) > LARGEST:
                raise ConfigError(f"{url}: larger than any image of MicroPython")
            shutil.copyfileobj(answer, out)
    except OSError as error:
        raise ConfigError(f"{url}: {error}; get it another way and say FIRMWARE=path") from error
    draft.rename(path)


def _check(path: Path, digest: str) -> None:
    """Raise ConfigError when the image differs from the first one of its name."""
    record = path.with_name("digests.json")
    known: dict[str, str] = json.loads(record.read_text()) if record.exists() else {}
    if known.setdefault(path.name, digest) != digest:
        raise ConfigError(f"{path}: is not what it was when first fetched: delete it to fetch it again, trust no copy")
    record.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
