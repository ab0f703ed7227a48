"""A classic ESP32's two heaps: what Python holds, and what that leaves to ESP-IDF, where Wi-Fi and TLS live.

MicroPython's heap begins with 56 KiB and doubles once; when that is full it takes the longest piece that ESP-IDF has
left, whatever Wi-Fi needs (py/gc.c, gc_try_add_heap). The figures are those of the official image v1.28.0 on an
emulated ESP32 (2026-11-30), not of silicon; the model only adds and subtracts them.
"""

from dataclasses import dataclass

from tools.bench import report

KIB = 1024
BEGINS, DOUBLED, FULL = 56 * KIB, 112 * KIB, 107 * KIB  # of the heap; held when the doubled one is full
BOOTED = 143_564  # bytes free to ESP-IDF at the prompt, with a heap of BEGINS
DRIVERS = 6_220  # I2C, UART, watchdog
WIFI, MQTT, TLS = 39_872, 6_268, 25_316  # joining a network; a socket; what TLS takes beyond that
LEAST = 8 * KIB  # below it packets are lost and handshakes fail
LINKS = {"wire": 0, "Wi-Fi": WIFI + MQTT, "Wi-Fi, TLS": WIFI + MQTT + TLS}


@dataclass(frozen=True)
class Left:
    """free: bytes of ESP-IDF's memory. starved: whether Python took what the link needs."""

    free: int
    starved: bool


def left(held_kib: float, link: str) -> Left:
    """The memory that a sensor with so many KiB of Python's heap leaves to ESP-IDF on a link of LINKS."""
    held = held_kib * KIB
    heap = BEGINS if held <= BEGINS else DOUBLED
    free = BOOTED - DRIVERS - (heap - BEGINS) - LINKS[link]
    if held > FULL:
        free = max(0, free - min(DOUBLED, free * 9 // 10))  # the longest piece is nine tenths of what is free
    return Left(free, link != "wire" and free < LEAST)


def show(started: float, updated: float, reduced: float) -> None:
    """Print what is left after the start, during an update, and during one in reduced mode; keep the figures."""
    print("what ESP-IDF has left on a classic ESP32, KiB, by a model of its two heaps (an emulator's figures):")
    for link in LINKS:
        states = {"started": left(started, link), "updated": left(updated, link), "reduced": left(reduced, link)}
        words = (
            f"{state} {each.free / KIB:5.1f}{' starved' if each.starved else ''}" for state, each in states.items()
        )
        print(f"  {link:12} " + "   ".join(words))
        name = link.lower().replace(", ", "_").replace("-", "")
        report.save(f"idf_left_{name}_reduced_kib", states["reduced"].free / KIB, "KiB")
