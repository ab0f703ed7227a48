"""Modules that are wanted now and then: loaded for their work and let go after it, which leaves their memory to others.

Only bytecode comes and goes. An ESP32 gives memory for compiled code back at a reset and not before, so what has
kernels stays once it was loaded.
"""

import gc
import sys

SPREAD = 4096  # bytes between two collections while they load, as in main.py


def load(name: str):
    """The module of this name; raises MemoryError where there is no room for it, and ImportError."""
    threshold = gc.threshold()
    gc.collect()
    gc.threshold(SPREAD)
    try:
        __import__(name)
    finally:
        gc.threshold(threshold)
    return sys.modules[name]


def release(*names: str) -> None:
    """Let go of modules, if they are loaded; whoever holds a function or an object of one still holds all of it."""
    for name in names:
        if sys.modules.pop(name, None):
            package, _, leaf = name.rpartition(".")
            if package in sys.modules:
                delattr(sys.modules[package], leaf)
    gc.collect()


def call(name: str, function: str, *arguments):
    """What a function of a module gives that is loaded for it and let go."""
    try:
        return getattr(load(name), function)(*arguments)
    finally:
        release(name)
