"""The examples in docstrings are true: every module of the gateway that has some is run by doctest."""

import doctest
from importlib import import_module

import pytest

from tests.support.paths import ROOT

GATEWAY = ROOT / "gateway"
MODULES = sorted(
    ".".join(path.relative_to(GATEWAY).with_suffix("").parts).removesuffix(".__init__")
    for path in (GATEWAY / "reedmesh").rglob("*.py")
    if ">>> " in path.read_text()
)


@pytest.mark.parametrize("module", MODULES)
def test_examples_are_true(module: str) -> None:
    result = doctest.testmod(import_module(module))
    assert result.attempted > 0 and result.failed == 0


def test_the_codecs_have_examples() -> None:
    codecs = (
        "protocol.gf256",
        "protocol.frame_ecc",
        "protocol.scaling",
        "protocol.wire",
        "protocol.serial_frame",
        "coding.block",
    )
    assert {f"reedmesh.{each}" for each in codecs} <= set(MODULES)
