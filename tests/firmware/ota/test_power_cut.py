"""The power fails at a write to flash: a sensor starts with the old model or the new one, never with none.

Long stories are cut at every SAMPLEth write here; `make bench-ota` cuts all at each.
"""

import json
from pathlib import Path

import pytest

from tests.firmware.test_app import candidate
from tests.support import micropython
from tests.support.paths import SCRIPTS
from tools.bench import ota

SAMPLE = "4"
SCRIPT, FIRMWARE = SCRIPTS / "power_cut.py", SCRIPTS / "power_cut_firmware.py"


def test_a_power_cut_leaves_the_old_model_or_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERY", SAMPLE)
    said = micropython.run(SCRIPT, *ota.offers(candidate(), tmp_path), heap="1m", timeout=600)
    *stories, end = map(json.loads, said.splitlines())
    served = {story["story"]: set(story["served"]) for story in stories}
    assert served == {
        "a new model": {"0"},
        "it proves good": {"1"},
        "another before it has": {"0", "1"},  # 0: the one that proved good; its slot was not touched
        "a start on probation": {"1"},
        "back to the model before": {"0"},
    }
    assert all(sum(story["served"].values()) == story["cuts"] > 5 for story in stories)
    assert end == {"serves": "0", "sequence": 2}, "the model that never proved good is not taken again"


def test_a_power_cut_leaves_the_old_firmware_or_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERY", SAMPLE)
    paths = ota.updates(candidate(), tmp_path, ota.ENGINE)
    said = micropython.run(FIRMWARE, *paths, heap="64m", timeout=600)
    *stories, end = map(json.loads, said.splitlines())
    served = {story["story"]: set(story["served"]) for story in stories}
    assert served == {
        "new firmware": {"old"},
        "its first start": {"new"},
        "it proves good": {"new"},
        "back to the firmware before": {"old"},
    }
    assert stories[0]["writes"] > 500 and all(story["cuts"] > 3 for story in stories)
    assert end["numbers"] == {"a": 2, "b": 3} and end["slot"] == "a" and end["newest"] == 3
