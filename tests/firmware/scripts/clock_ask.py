"""Asks a time server on this machine, and prints what it understood, or why not. `clock_ask.py PORT MILLISECONDS`."""

import asyncio
import sys

from net import ntp_question as ntp

ntp.PATIENCE_MS = int(sys.argv[2])
try:
    print(asyncio.run(ntp.ask("127.0.0.1", int(sys.argv[1]))))
except OSError as error:
    print(error)
