"""Decodes a payload from a file of tagged shard frames, as a sensor with little memory would.

Usage: erasure_memory.py frames k length sha256-hex. Frames are of one size and read one by one into one buffer; prints
the milliseconds, how many frames were used, the heap's size and what of it was in use at the end.
"""

import gc
import sys
import time
from hashlib import sha256

KEY = b"key of the line"
HEADER, TAG = 20, 8  # bytes, as protocol/shards.py has them: compiled, it has no names for them


def main(path, k, length, digest):
    block = bytearray(k * length)  # first: it must be in one piece
    from ota.decoder import Decoder
    from protocol.shards import unpack_shard

    frame = bytearray(HEADER + length + TAG)
    decoder = Decoder(block, k, length)
    elapsed = used = 0
    with open(path, "rb") as file:
        while decoder.missing and file.readinto(frame) == len(frame):
            shard = unpack_shard(frame, KEY)
            start = time.ticks_us()
            used += decoder.add(shard.index, shard.data)
            elapsed += time.ticks_diff(time.ticks_us(), start)
    assert not decoder.missing
    assert sha256(block).digest().hex() == digest
    gc.collect()
    print(
        '{{"ms": {}, "used": {}, "heap": {}, "in_use": {}}}'.format(
            elapsed / 1000, used, gc.mem_free() + gc.mem_alloc(), gc.mem_alloc()
        )
    )


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
