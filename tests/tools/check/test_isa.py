"""Kernels as boards have them, run on Xtensa and RISC-V instructions by qemu-user, against Python's integers."""

from pathlib import Path

import pytest

from reedmesh.provisioning import device_tree
from tests.support.micropython import missing
from tools.bench import report
from tools.check import isa, isa_vectors

EACH = 40
ARCHITECTURES = ("rv32imc", "xtensawin")


@pytest.fixture(autouse=True)
def emulators() -> None:
    if not isa.available():
        missing(f"no qemu-user found: {isa.REMEDY}")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("file", isa_vectors.KERNELS)
def test_a_kernel_s_machine_code_gives_what_it_must(file: str, architecture: str, tmp_path: Path) -> None:
    device_tree.compile_into(tmp_path, architecture, (f"{file}.py",))
    program = isa.Program(tmp_path / f"{file}.mpy", isa_vectors.KERNELS[file][0], architecture)
    vectors = list(isa_vectors.drawn(file, 1, EACH))
    results, _ = program.run([vector.call for vector in vectors])
    for vector, result in zip(vectors, results, strict=True):
        assert vector.result in (None, result), vector.call[0]
        for block, expected in vector.left:
            assert block.content == expected, vector.call[0]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_instructions_of_a_product_are_those_that_boards_name(architecture: str, tmp_path: Path) -> None:
    dense = isa_vectors.per_product(tmp_path, architecture)
    assert 10 < dense < 13.5
    report.save(f"isa_instr_per_mac_{isa.NICKNAMES[architecture]}", dense, "instructions")
    kernels = sum(len(tested) for _, tested in isa_vectors.KERNELS.values())
    report.save("isa_vectors", kernels * EACH * len(ARCHITECTURES), "vectors")


def test_a_wrong_kernel_is_found(tmp_path: Path) -> None:
    text = device_tree.sources()["tflite/dot.py"].replace(" ^ 128) * ", " ^ 127) * ", 1)
    device_tree.compile_text(text, "tflite/dot.py", "xtensawin", tmp_path / "dot.mpy")
    program = isa.Program(tmp_path / "dot.mpy", isa_vectors.KERNELS["tflite/dot"][0], "xtensawin")
    vectors = [vector for vector in isa_vectors.drawn("tflite/dot", 1, EACH) if vector.call[0] == "multiply"]
    program.run([vector.call for vector in vectors])
    assert any(block.content != expected for vector in vectors for block, expected in vector.left)
