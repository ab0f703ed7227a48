"""The lines of docs/own-sensor.md do what it says: a gateway learns from them, and the C++ frame is the protocol's."""

import asyncio
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from reedmesh.inference import family
from reedmesh.protocol import wire
from tests.firmware import test_app
from tests.provisioning.test_flash import gateway
from tests.support.brokers import free_port, mosquitto
from tests.support.micropython import binary
from tests.support.paths import ROOT
from tests.support.timeouts import PATIENCE

PAGE = (ROOT / "docs" / "own-sensor.md").read_text()
LENGTH = family.load_family(family.find_family("vibration")).recipe.length


def block(language: str) -> str:
    """The code of the page in that language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def test_the_micropython_sensor_is_learnt_and_judged(tmp_path: Path) -> None:
    async def story() -> None:
        with mosquitto(tmp_path, free_port()) as broker, gateway(tmp_path, broker):
            text = (
                block("python")
                .replace('"192.168.1.10", 1883, "hall1"', f'"127.0.0.1", {broker}, "gw"')
                .replace('"press9"', '"press"')
            )
            (tmp_path / "own.py").write_text(text.replace("time.sleep(1)", "time.sleep(0.02)"))
            async with test_app.listening(broker) as it, asyncio.timeout(PATIENCE):
                process = subprocess.Popen([binary(), str(tmp_path / "own.py")])
                try:
                    await it.until("state", lambda said: said["online"] and said.get("score") is not None)
                finally:
                    process.kill()
                    process.wait()

    asyncio.run(story())


def test_the_frame_in_c_is_the_frame_of_the_protocol(tmp_path: Path) -> None:
    compiler = shutil.which("g++") or shutil.which("c++")
    if not compiler:
        pytest.fail("no C++ compiler: apt install g++")
    window = re.search(r"struct __attribute__.*?window_;", block("cpp"), re.DOTALL)
    assert window
    program = f"#include <cstdint>\n#include <cstdio>\n{window[0]}\nint main() {{ window_.boot = 7; window_.number = 3;"
    program += " for (int i = 0; i < window_.count; i++) window_.features[i] = i - 9;"
    (tmp_path / "x.cpp").write_text(program + " fwrite(&window_, 1, sizeof window_, stdout); }")
    subprocess.run([compiler, "-std=c++17", "-o", str(tmp_path / "x"), str(tmp_path / "x.cpp")], check=True)
    said = subprocess.run([str(tmp_path / "x")], capture_output=True, check=True).stdout
    features = struct.pack(f"{LENGTH}b", *(i - 9 for i in range(LENGTH)))
    expected, frame = wire.Window(features, boot=7, number=3), bytearray(wire.WINDOW_HEADER + LENGTH)
    wire.pack_window(expected, frame)
    assert said == bytes(frame)
