"""MicroPython's module esp32: how much memory ESP-IDF has, of which FAKE_LONGEST is the longest piece.

With FAKE_SETTLED some minutes pass when it is asked first.
"""

import os
import sys

HEAP_DATA, HEAP_EXEC = 4, 1
settled = not os.getenv("FAKE_SETTLED")


def idf_heap_info(_):
    global settled
    if not settled:
        settled = True
        sys.modules["board.monotonic"]._ms += 200000
    longest = int(os.getenv("FAKE_LONGEST") or 60000)
    return [(200000, longest + 1000, longest, longest - 500)]
