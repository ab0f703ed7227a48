"""Starts a sensor from an image: mounts its bytes as a board's MicroPython does, and runs the main.py that is in it.

Usage: boot_image.py IMAGE [FOLDER of fakes ...], readings on standard input where there is no fake of a transducer.
"""

import os
import sys

import vfs

BLOCK = 4096


class Flash:
    def __init__(self, path):
        self.content = bytearray(os.stat(path)[6])
        with open(path, "rb") as file:
            file.readinto(self.content)

    def readblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        buffer[:] = memoryview(self.content)[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        self.content[at : at + len(buffer)] = buffer

    def ioctl(self, op, argument):
        return {4: len(self.content) // BLOCK, 5: BLOCK}.get(op, 0)


if __name__ == "__main__":
    vfs.mount(vfs.VfsLfs2(Flash(sys.argv[1])), "/board")
    sys.path[:] = sys.argv[2:] + ["/board", ".frozen"]
    import main

    main.main("/board")
