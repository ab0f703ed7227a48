"""Decodes blocks with the sensor's decoder; each line of standard input is one, as JSON.

{"k", "length", "data" (hex), "shards": [[index, hex], ...]}. Prints "ok", or what is wrong, for each.
"""

import json
import sys

from ota.decoder import Decoder


def decode(block):
    k, length = block["k"], block["length"]
    memory = bytearray(k * length + 4)
    decoder = Decoder(memory, k, length)
    held = set()
    for index, shard in block["shards"]:
        if decoder.missing != k - len(held):
            return "missing: {}".format(decoder.missing)
        wanted = bool(decoder.missing) and index not in held
        if decoder.add(index, bytes.fromhex(shard)) != wanted:
            return "shard {} was not {}".format(index, "taken" if wanted else "left")
        if wanted:
            held.add(index)
        if decoder.missing and not (decoder.has(index) and decoder.has(254 - index) == (254 - index in held)):
            return "has"
    if not all(decoder.has(i) for i in range(k)):
        return "data that is not there"
    if memory != bytes.fromhex(block["data"]) + bytes(4):
        return "other data, or beyond its end"
    return "ok"


def refused():
    for k, length, size in ((0, 4, 0), (255, 4, 2000), (2, 6, 12), (2, 0, 12), (2, 4, 7), (2, -4, 12)):
        try:
            Decoder(bytearray(size), k, length)
        except ValueError:
            continue
        return "taken: {} of {} in {}".format(k, length, size)
    decoder = Decoder(bytearray(8), 2, 4)
    for index, size in ((255, 4), (-1, 4), (0, 3), (0, 8), (3, 0)):
        try:
            decoder.add(index, bytes(size))
        except ValueError:
            continue
        return "taken: shard {} of {}".format(index, size)
    return "ok"


print(refused())
for line in sys.stdin:
    print(decode(json.loads(line)))
