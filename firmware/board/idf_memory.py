"""ESP-IDF's own memory, which Wi-Fi, TLS and sockets live on: MicroPython's heap takes of it and never gives back.

When the heap is full it grows by ESP-IDF's longest piece, or by as much as it has where that is less, whatever Wi-Fi
needs. `gc.mem_free` counts that piece as free.
"""

import gc

LINK = 16384  # bytes in a row that ESP-IDF must have or keep: for packets, and for a handshake
UPDATE = 24576  # bytes of the heap that an update takes for a while, gaps included, `make bench-memory`


def lacks(reduced: bool) -> str:
    """Why an update cannot be received now; "" when it can, and where there is no ESP-IDF. reduced: as `reason`."""
    try:
        import esp32
    except ImportError:
        return ""
    gc.collect()
    pieces = esp32.idf_heap_info(esp32.HEAP_DATA)
    longest = max(piece[2] for piece in pieces)
    own = gc.mem_free() - longest
    return reason(own, own + gc.mem_alloc(), longest, sum(piece[1] for piece in pieces), reduced)


def reason(own: int, heap: int, longest: int, free: int, reduced: bool) -> str:
    """The same of numbers. own: bytes free in a heap of `heap`. longest, free: of ESP-IDF, in a row and in all.

    reduced: in reduced mode, where no more can be let go: there an update that the heap has room for takes nothing of
    ESP-IDF, and a TLS link that stands has its memory.
    """
    if longest < LINK and not (reduced and own >= UPDATE):
        return "{} bytes in a row are left to ESP-IDF, {} are needed".format(longest, LINK)
    kept = free - min(longest, heap)
    if own < UPDATE and kept < LINK:
        return "{} bytes of the heap are free, an update takes {}, and ESP-IDF would keep {}".format(own, UPDATE, kept)
    return ""
