"""A model that is wrong in any way never becomes active, and the sensor says why: every case, with its status code."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from reedmesh.coding.bundle import Bundle, shape_for
from reedmesh.inference.model import Model
from reedmesh.links.message import Message
from reedmesh.protocol import offer_frame, shards
from tests.firmware.test_app import UNSEALED, Sensor, candidate, offer, sensor
from tests.firmware.tflite.test_refusals import edited, small
from tests.support import micropython
from tests.support.micropython import run_json
from tests.support.paths import SCRIPTS

ROOM = 2048  # bytes of a block, as a sensor's hello says
SERVING = 5  # sequence of the model in service
Act = Callable[[Sensor], Awaitable[Any]]


def of(model: bytes, **changes: Any) -> bytes:
    """An offer of this model, newer than what is in service; its digest right unless `changes` say otherwise."""
    sequence = changes.pop("sequence", SERVING + 1)
    return offer_frame.pack_offer(
        offer(sequence, **{"model": model, "sha256": hashlib.sha256(model).digest(), **changes})
    )


def other() -> bytes:
    """A good model that is not the one in service."""
    return candidate().model + bytes(4)


def with_operator(number: int) -> bytes:
    code = "model.operatorCodes[0]"
    return edited((code + ".builtinCode", number), (code + ".deprecatedBuiltinCode", number), model=candidate().model)


async def offered(payload: bytes, it: Sensor) -> Any:
    return await it.answer(payload)


async def sealed_with(key: bytes, it: Sensor) -> Any:
    """Announced with this seal; the shards come all the same."""
    bundle = await it.announce(of(other()), key)
    status = await it.until("model/status")
    for block in range(bundle.shape.blocks):
        await it.send(bundle, bundle.shape.k, block=block)
    return status


async def replayed(it: Sensor) -> Any:
    """The very frames of the offer that was taken, from the manifest on."""
    return await it.answer(offer_frame.pack_offer(offer(SERVING)))


async def cut_short(it: Sensor) -> Any:
    return await it.answer(of(other())[:-1])


async def mixed(it: Sensor) -> Any:
    """Shards that are not what their manifest says: every one arrives whole, and together they are another payload."""
    good, bad = of(other()), of(other(), trial_score=1)
    bundle = await it.announce(good)
    swapped = Bundle(bad, "vibration", "gw", 1, 1, bundle.shape)
    swapped.id = bundle.id  # which is what its shards say
    return await it.ending(swapped)


async def manifest_of(frame: bytes, it: Sensor) -> Any:
    await it.link.publish(Message("reedmesh/gw/press/model/manifest", frame, qos=1))
    return await it.until("model/status")


async def with_broken_flash(it: Sensor) -> Any:
    """The idle slot cannot be written."""
    (it.folder / "b.tflite").mkdir()
    return await it.answer(of(other()))


CASES: list[tuple[str, Act, int, str]] = [
    ("the one in service", partial(offered, offer_frame.pack_offer(offer(SERVING + 1))), 304, "already in service"),
    ("replayed", replayed, 304, "already in service"),
    ("older", partial(offered, of(other(), sequence=SERVING - 1)), 403, "sequence 4 is not above 5"),
    ("the same number", partial(offered, of(other(), sequence=SERVING)), 403, "sequence 5 is not above 5"),
    ("unsigned", partial(sealed_with, UNSEALED), 403, "not sealed"),
    ("sealed for another sensor", partial(sealed_with, bytes(32)), 403, "not sealed"),
    ("truncated", cut_short, 400, "declared"),
    ("of two offers", mixed, 400, "not of one offer"),
    ("not what its digest says", partial(offered, of(other(), sha256=bytes(32))), 400, "digest"),
    ("no model", partial(offered, of(bytes(500))), 400, ""),
    ("damaged", partial(offered, of(b"\xff\xff\xff\x7f" + candidate().model[4:])), 400, ""),
    ("with an operator that is not supported", partial(offered, of(with_operator(33))), 400, "not supported"),
    ("without a scaling", partial(offered, of(small())), 400, "no metadata"),
    ("for other features", partial(offered, of(other(), trial=bytes(9))), 400, "this sensor has 69"),
    ("that scores differently here", partial(offered, of(other(), trial_score=1)), 400, "trial scored"),
    ("too large", partial(offered, of(candidate().model + bytes(20_000))), 400, "room for"),
    ("junk for a manifest", partial(manifest_of, b"junk"), 400, "manifest"),
    ("flash that fails", with_broken_flash, 500, "slot b"),
]


def test_a_wrong_model_never_becomes_active_and_is_reported(tmp_path: Path) -> None:
    async def story() -> None:
        async with sensor(tmp_path) as it:
            assert (await it.answer(offer_frame.pack_offer(offer(SERVING))))["code"] == 200
            pointer = (it.folder / "slots.json").read_text()
            for name, act, code, reason in CASES:
                it.heard.clear()
                status = await act(it)
                assert status["code"] == code and reason in status["reason"], (name, status)
                assert status["sequence"] == SERVING, name
                assert json.loads((it.folder / "slots.json").read_text()) == json.loads(pointer), name
            (it.folder / "b.tflite").rmdir()
            it.kill()
            it.heard.clear()
            it.start()
            hello = await it.until("hello")
            assert (hello["model"], hello["sequence"]) == (hashlib.sha256(candidate().model).hexdigest(), SERVING)
            await it.up()
            assert it.windows()[-1].model == Model(candidate().model).key
            assert (await it.answer(of(other())))["code"] == 200, "and a good one is still taken"

    asyncio.run(story())


def test_an_update_that_finds_no_room_is_refused_and_the_sensor_lives_on(tmp_path: Path) -> None:
    payload = of(other())
    bundle = Bundle(payload, "vibration", "gw", 1, SERVING + 1, shape_for(len(payload), offer_frame.MODEL_SHARD, ROOM))
    sent = [shards.pack_manifest(bundle.manifest)]
    for block in range(bundle.shape.blocks):
        sent += bundle.wave({block: bundle.shape.k})
    (tmp_path / "frames").write_bytes(b"".join(len(frame).to_bytes(2, "little") + frame for frame in sent))
    said = run_json(SCRIPTS / "no_room.py", tmp_path / "frames", tmp_path)
    assert said == {"codes": [503, 503, 200], "runs": True}


def test_a_model_that_came_in_reduced_mode_is_tried_at_the_next_start(tmp_path: Path) -> None:
    good = offer(SERVING)
    wrong = of(other(), trial_score=good.trial_score + 1)
    paths = [tmp_path / "good", tmp_path / "wrong", tmp_path / "short"]
    paths[0].write_bytes(offer_frame.pack_offer(good))
    paths[1].write_bytes(wrong)
    paths[2].write_bytes(of(small(), sequence=SERVING + 2))
    said = micropython.run(SCRIPTS / "reduced_trial.py", tmp_path, *paths, heap="1m").splitlines()
    first, second, third = (json.loads(line) for line in said if line.startswith("["))
    digest = good.sha256.hex()
    assert first == [digest, False, digest, good.trial_score, "", []], "nothing judges until the start"
    assert second[:4] == [hashlib.sha256(other()).hexdigest(), False, digest, good.trial_score]
    assert second[4] == f"model {SERVING + 1}: its trial scored {good.trial_score}, expected {good.trial_score + 1}"
    assert third[2:4] == [digest, good.trial_score] and set(second[5]) == {"trial", "score"}
