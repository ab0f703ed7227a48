"""MicroPython's raw REPL on standard input and output, which the unix port lacks and boards have: for mpremote.

The working directory is the board's file system. A soft reset forgets all names; `machine.reset()` says hello.
"""

import os
import sys

BANNER = b"raw REPL; CTRL-B to exit\r\n>"


class Machine:
    @staticmethod
    def reset():
        say(b'\r\nets Jul 29 2019\r\nhello {"name": "press"}\r\n')


class Time:
    """Stands still: whoever hopes to be back before this board speaks is too late."""

    @staticmethod
    def sleep_ms(_ms):
        pass


class Out:
    def write(self, text):
        say(text if isinstance(text, (bytes, bytearray)) else text.encode())


def say(data):
    os.write(1, data) if hasattr(os, "write") else sys.stdout.buffer.write(data)


def printing(*values, end="\n", sep=" "):
    say((sep.join(str(value) for value in values) + end).encode().replace(b"\n", b"\r\n"))


def fresh():
    return {"print": printing, "__name__": "__main__"}


def run(code, names):
    """What a board answers to a piece of code: its output, 4, its error, 4."""
    say(b"OK")
    error = b""
    try:
        exec(code, names)
    except BaseException as raised:  # noqa: BLE001 - a board prints whatever code raises
        import io

        text = io.StringIO()
        sys.print_exception(raised, text)
        error = text.getvalue().encode().replace(b"\n", b"\r\n")
    say(b"\x04" + error + b"\x04>")


def serve():
    sys.modules["machine"], sys.modules["time"] = Machine, Time
    names, code, raw = fresh(), b"", False
    while True:
        byte = sys.stdin.buffer.read(1)
        if not byte:
            return
        if byte == b"\x01":
            raw, code = True, b""
            say(BANNER)
        elif byte == b"\x02":
            raw, code = False, b""
            say(b"\r\n>>> ")
        elif byte == b"\x03":
            code = b""
        elif byte == b"\x04" and raw and not code:
            names = fresh()
            say(b"OK\r\nMPY: soft reboot\r\n" + BANNER)
        elif byte == b"\x04" and raw:
            run(code, names)
            code = b""
        elif byte == b"\x05" and code == b"":
            sys.stdin.buffer.read(2)  # "A" and 1: raw paste is asked for
            say(b"R\x00")
        elif byte == b"\r" and not raw:
            run(code, names)  # typed at the prompt
            code = b""
        else:
            code += byte


serve()
