"""Why the board started, in a word: loaded at the start and let go.

MicroPython reports a brown-out of an ESP32 as a power-on (ports/esp32/modmachine.c). The chip's own register tells the
two apart: it says 1 after a power-on, and something else after a reset by the brown-out detector.
"""

NAMES = ("PWRON", "power-on"), ("HARD", "hard"), ("WDT", "watchdog"), ("DEEPSLEEP", "deep-sleep"), ("SOFT", "soft")
POWER_ON = 1  # in the register's lowest five bits


def name(machine, register: "int | None" = None) -> str:
    """power-on, brown-out, watchdog, hard, soft, deep-sleep or unknown. register: address, as boards/*.toml has it."""
    cause = machine.reset_cause()
    for constant, word in NAMES:
        if cause == getattr(machine, constant + "_RESET", None):
            if word == "power-on" and register and machine.mem32[register] & 31 != POWER_ON:
                return "brown-out"
            return word
    return "unknown"
