"""What a board is given of the files it shares with the gateway: all that it calls, and little that it does not."""

from reedmesh.provisioning import device_tree, strip_unused

OWN = """
from shared import Frame, both
from elsewhere import Hint

TABLE = "3 named_in_a_text"

def own(hint: Hint) -> Hint:
    return both(Frame())
"""
SHARED = """
import struct


def both(a):
    'As `only_gateways` does.'
    return _inner(a)


def _inner(a):
    x, y = a, a
    return x


@property
def gateways(a):
    return only_gateways(a)


def only_gateways(a):
    return struct.pack("<I", a)


class Frame:
    def __init__(self):
        self.kind = 1

    def named_in_a_text(self):
        pass

    def unnamed(self):
        pass
"""


def test_what_nobody_mentions_is_cut_out_and_the_rest_stays_as_it_was_written() -> None:
    files = {"shared.py": SHARED, "own.py": OWN}
    made = strip_unused.slimmed(files, ["shared.py"])
    assert made["own.py"] == OWN.replace("from elsewhere import Hint\n", "")
    kept = set(made["shared.py"].splitlines())
    cut = set(SHARED.splitlines()) - kept
    assert kept <= set(SHARED.splitlines()) and "    x, y = a, a" in kept
    assert "    def named_in_a_text(self):" in kept and "def _inner(a):" in kept and "    def __init__(self):" in kept
    assert {"@property", "def gateways(a):", "def only_gateways(a):", "    def unnamed(self):"} <= cut


def test_a_board_gets_no_function_that_makes_what_only_a_gateway_sends() -> None:
    compiled = device_tree.sources()
    shards, wire = compiled["protocol/shards.py"], compiled["protocol/wire.py"]
    assert "def unpack_shard" in shards and "def pack_shard" not in shards
    assert "def pack_window" in wire and "def pack_offer" not in wire
