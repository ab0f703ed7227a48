"""`reedmesh check-model` says of a model what the sensor's engine would: operators, and the arena to the byte."""

from pathlib import Path

import numpy as np
import pytest

from reedmesh.__main__ import main
from reedmesh.errors import ConfigError
from reedmesh.inference import boards, compatibility
from tests.support import int32, operator_models
from tests.support.paths import ROOT
from tests.support.tflite_writer import FLOAT32, Writer

VIBRATION = ROOT / "models" / "vibration" / "int8.tflite"


@pytest.mark.parametrize("name", [*operator_models.OPERATORS, "network"])
def test_the_arena_is_the_engine_s(name: str) -> None:
    draw, rng = operator_models.OPERATORS.get(name, operator_models.network), np.random.default_rng(5)
    with int32.loaded("tflite.model") as module:
        for model in [draw(rng) for _ in range(12)]:
            report = compatibility.check(model)
            assert not report.refused()
            arena, scattered = module.Model(model).ram, name == "MEAN"  # which may put its input in order first
            assert report.arena == arena or (scattered and report.arena <= arena)


def test_the_operators_are_the_engine_s() -> None:
    names, operators = int32.load("tflite.names"), int32.load("tflite.operators")
    found = {names.name(code): int(operators.find(code)[2]) for code in operators.codes()}
    assert found == compatibility.SUPPORTED


def test_work_and_time_of_a_known_model() -> None:
    report, board = compatibility.check(VIBRATION.read_bytes()), boards.load("esp32")
    macs = 69 * 32 + 32 * 8 + 8 * 32 + 32 * 69
    assert sum(operator.macs for operator in report.operators) == macs
    instructions = macs * board.engine.dense + (32 + 8 + 32 + 69) * board.engine.output
    assert report.milliseconds(board) == pytest.approx(instructions * board.engine.cycles / 240e3)
    assert report.runs(board)


def test_products_of_convolutions() -> None:
    writer = Writer()
    x, y, z = (writer.tensor((1, 4, 4, n)) for n in (6, 6, 5))
    depthwise, dense = writer.constant(np.ones((1, 3, 3, 6), np.int8)), writer.constant(np.ones((5, 1, 1, 6), np.int8))
    writer.operator("DEPTHWISE_CONV_2D", [x, depthwise], [y], options="DepthwiseConv2DOptions", strideH=1, strideW=1)
    writer.operator("CONV_2D", [y, dense], [z], options="Conv2DOptions", strideH=1, strideW=1)
    report = compatibility.check(writer.pack(x, z))
    assert [operator.macs for operator in report.operators] == [16 * 6 * 9, 16 * 5 * 6]


def test_a_model_that_cannot_run_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    writer = Writer()
    x, y = writer.tensor((1, 4), kind=FLOAT32), writer.tensor((1, 4), kind=FLOAT32)
    writer.operator("RELU", [x], [y])
    writer.operator("GELU", [x], [y])
    writer.operator("RELU", [x], [y], 9)
    path = tmp_path / "float.tflite"
    path.write_bytes(writer.pack(x, y))
    assert main(["check-model", str(path)]) == 1
    said = capsys.readouterr().out
    assert "operator 0 (RELU): FLOAT32 is not supported" in said
    assert "operator 1 (GELU): not supported" in said
    assert "operator 2 (RELU): version 9 is not supported, 1 to 3 are" in said


def test_a_model_too_large_for_the_board_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    writer = Writer()
    x, y = writer.tensor((1, 300, 300, 8)), writer.tensor((1, 300, 300, 8))
    writer.operator("RELU", [x], [y])
    path = tmp_path / "large.tflite"
    path.write_bytes(writer.pack(x, y))
    assert main(["check-model", str(path), "--board", "esp32c3"]) == 1
    assert "150 KiB free on esp32c3: DOES NOT FIT" in capsys.readouterr().out


def test_what_is_no_model_or_no_board_is_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x").write_bytes(b"hello, world")
    assert main(["check-model", str(tmp_path / "x")]) == 2
    assert main(["check-model", str(tmp_path / "nothing")]) == 2
    assert main(["check-model", str(VIBRATION), "--board", "esp8266"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert "x is not a .tflite file" in told[0] and "No such file" in told[1]
    assert told[2].endswith(f'no board "esp8266"; there are {", ".join(boards.names())}')


def test_damaged_models_raise_config_error() -> None:
    whole, rng = VIBRATION.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        cut = bytearray(whole[: rng.integers(8, len(whole))])
        cut[rng.integers(8, len(cut))] ^= 255
        try:
            compatibility.check(bytes(cut))
        except ConfigError:
            continue


@pytest.mark.parametrize("path", sorted((ROOT / "boards").glob("*.toml")), ids=lambda path: path.stem)
def test_every_board_s_file_is_whole(path: Path) -> None:
    board = boards.load(path.stem)
    assert board.name == path.stem and board.architecture in ("xtensawin", "rv32imc")
