"""ESP-IDF's own memory, which Wi-Fi, TLS and sockets live on: MicroPython's heap takes of it and never gives back.

`gc.mem_free` counts the longest piece of it as free, for the heap may still grow by that; when it did, Wi-Fi starves.
"""

FOR_UPDATES = 16384  # bytes in a row that must be left before an update is received: its modules take about as much


def longest():
    """Bytes of the longest free piece; None where there is no ESP-IDF."""
    try:
        import esp32
    except ImportError:
        return None
    return max(piece[2] for piece in esp32.idf_heap_info(esp32.HEAP_DATA))
