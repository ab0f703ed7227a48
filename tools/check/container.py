"""The containers, built and run for real: a root from Debian's packages, buildah with containers/Dockerfile, three parts.

The base comes from mmdebstrap, so that no registry of images is needed. The parts run as compose.yaml has them, under
crun: root for reading only, no capabilities, user 10001, one network namespace, a volume. A sensor's hello and windows
come in with the sensor's own login; the page shows it. Needs root, and: apt install buildah crun mmdebstrap

    python -m tools.check.container [--keep]
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tools.checkout import ROOT

NAME, BASE = "localhost/reedmesh:check", "localhost/debian:bookworm-slim"
NEEDED = ("buildah", "crun", "mmdebstrap")
MINUTES = 6
PIP_SETTINGS = Path("/etc/pip.conf")


def main() -> int:
    """Exit status 0 if everything held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="keep the images, for the next run")
    chosen = parser.parse_args()
    if os.geteuid() or (lacking := [name for name in NEEDED if not shutil.which(name)]):
        print(f"check-container: needs root and: apt install {' '.join(NEEDED)}", file=sys.stderr)
        return 2
    began = time.monotonic()
    if BASE not in call("buildah", "images", "--format", "{{.Name}}:{{.Tag}}"):
        base()
    build()
    print(f"image: {size():.0f} MB, built in {time.monotonic() - began:.0f} s", flush=True)
    with ExitStack() as stack:
        print(stack.enter_context(Running()).story())
    if not chosen.keep:
        call("buildah", "rmi", NAME, BASE)
    return 0
