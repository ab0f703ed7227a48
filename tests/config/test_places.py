"""Faults of a config tell their line, and what stands twice is named."""

from pathlib import Path

import pytest

from reedmesh.config.settings import load_config
from reedmesh.errors import ConfigError

GOOD = 'name = "gw"\nstate = "/tmp"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD + "[broker]\n\nport = 0\n", '"broker.port" must be at least 1 and at most 65535, not 0 (line 5)'),
        (GOOD + "[broker]\nprot = 1\n", 'unknown key "broker.prot"; did you mean "broker.port"? (line 4)'),
        (GOOD + '[[serial]]\nport = "a"\n[[serial]]\nport = "b"\nbaud = 1\n', "not 1 (line 7)"),
        (
            GOOD + "[[serial]]\nbaud = 9600\n",
            'missing key "serial[0].port", text in "quotes" (line 3)',
        ),
        (GOOD + 'name = "b"\n', '"name" stands there twice: again on line 3, first on line 1'),
        (GOOD + "[broker]\n[alerts]\n[broker]\n", '"broker" stands there twice: again on line 5, first on line 3'),
    ],
)
def test_a_fault_tells_its_line(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "reedmesh.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as refusal:
        load_config(file)
    assert says in str(refusal.value), str(refusal.value)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "reedmesh.toml"
    file.write_text(GOOD, encoding="utf-8-sig")
    assert load_config(file).name == "gw"
