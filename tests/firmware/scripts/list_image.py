"""Mounts an image as a board's MicroPython does; prints path, length and SHA-256 of every file in it, as JSON lines."""

import hashlib
import json
import os
import sys

import vfs
from boot_image import Flash


def tell(folder):
    for entry in os.ilistdir(folder):
        path = folder + "/" + entry[0]
        if entry[1] == 0x4000:
            tell(path)
        else:
            with open(path, "rb") as file:
                content = file.read()
            print(json.dumps([path, len(content), hashlib.sha256(content).digest().hex()]))


vfs.mount(vfs.VfsLfs2(Flash(sys.argv[1])), "/board")
tell("/board")
