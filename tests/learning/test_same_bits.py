"""The same windows give the same model on an emulated processor without AVX, on one with it, and on this one."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("same_bits.py")
PYTHON = str(Path(sys.executable).resolve())


def learnt(*under: str) -> str:
    paths = [str(SCRIPT.parents[2] / "gateway"), sysconfig.get_paths()["purelib"]]
    one = {"PYTHONPATH": os.pathsep.join(paths), "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        [*under, PYTHON, str(SCRIPT)], env=os.environ | one, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


@pytest.mark.parametrize("processor", ["Nehalem", "Haswell"])
def test_another_processor_learns_the_same_bits(processor: str) -> None:
    assert learnt("qemu-x86_64", "-cpu", processor) == learnt()
