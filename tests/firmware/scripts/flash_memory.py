"""A board's flash in memory, which notes its writes, so that each of them in turn can be the one the power fails in."""

BLOCK = 4096


class Flash:
    """A block device of `blocks` blocks. writes: (offset, bytes) of each."""

    def __init__(self, blocks, content=None):
        self.blocks = blocks
        self.content = bytearray(content or b"\xff" * (BLOCK * blocks))
        self.writes = []

    def readblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        buffer[:] = memoryview(self.content)[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        self._write(block * BLOCK + offset, bytes(buffer))

    def ioctl(self, op, argument):
        if op == 4:
            return self.blocks
        if op == 5:
            return BLOCK
        if op == 6:
            self._write(argument * BLOCK, b"\xff" * BLOCK)
        return 0

    def _write(self, at, data):
        self.writes.append((at, data))
        self.content[at : at + len(data)] = data


def torn(before, writes):
    """Flash contents with the power cut at each write in turn: all before it came through, and half of its bytes.

    Yields the same bytearray, which the caller may change.
    """
    content = bytearray(before)
    for at, data in writes:
        cut = bytearray(content)
        cut[at : at + len(data) // 2] = data[: len(data) // 2]
        yield cut
        content[at : at + len(data)] = data
