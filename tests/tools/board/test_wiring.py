"""The pictures in docs/wiring are what tools/board/wiring.py draws from boards/, and docs/hardware.md shows each."""

import re

import pytest

from reedmesh.inference import boards
from tests.support.paths import ROOT
from tools.board import wiring

PICTURES = wiring.pictures(boards.load("esp32"))


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_the_picture_in_docs_is_up_to_date(name: str) -> None:
    assert (wiring.OUT / name).read_text() == PICTURES[name], "run: python -m tools.board.wiring"


def test_docs_show_each_of_them() -> None:
    shown = re.findall(r"\(wiring/([a-z0-9]+\.svg)\)", (ROOT / "docs" / "hardware.md").read_text())
    assert sorted(shown) == sorted(PICTURES)


@pytest.mark.parametrize("board", boards.names())
def test_each_board_has_its_own_pins_in_it(board: str) -> None:
    known = boards.load(board)
    made = wiring.pictures(known)
    words = re.findall(r"<text [^>]*>([^<]+)</text>", made["adxl345.svg"])
    assert {f"GPIO{known.i2c.sda}", f"GPIO{known.i2c.scl}", board, "SDO"} <= set(words)
    assert f">GPIO{known.uart.tx}<" in made["wire.svg"]
