"""Questions to the line: how many are understood, what is wrong in the answers, how long one takes, what a model costs.

The questions are those of questions/: 120 written before the tables of phrases were, and five sets in other wordings
that were written after. The tables have taken in all of these but the fourth. Facts are checked against
scripted_line.TRUTH. Times are of a real gateway on a real broker, from the question to its answer. With --model, a
.gguf file, the model's own figure, what tables and model reach together, and the time from a window to its alert while
the model is busy and while not.

    python -m tools.bench.ask [--model file.gguf] [--seconds 5] [--rounds 12]
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from reedmesh.assistant.answer import Query, answer
from reedmesh.assistant.model.process import ModelError, ModelProcess
from reedmesh.assistant.model.routing import believed, request
from reedmesh.assistant.understand import Intent, understand
from reedmesh.config.settings import Assistant
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol import wire
from reedmesh.store.database import NAME
from reedmesh.store.store import Store
from tools.bench import report
from tools.bench.latency import FOLDER, GATEWAY, Bench, gateway, prepare, started
from tools.bench.support.ask_check import LANGUAGES, Question, faults, questions
from tools.bench.support.scripted_line import NOW, SENSORS, SHIFTS, ScriptedLine
from tools.simulate import mosquitto

HELD_OUT = ("held_out_1", "held_out_2", "held_out_3", "held_out_4", "held_out_5")
UNSEEN = "held_out_4"  # the one that the tables never took in
PAST = 20_000  # windows that the gateway has, so that a question about a trend has something to read
ODD = "kindly enlighten me number {n}"  # no table knows it
RATE = 50  # windows a second while a model is busy ...
LINE = 12  # ... of so many sensors
PATIENCE = 60.0  # seconds until an answer

Route = Callable[[Question], Intent]


def by_tables(asked: Question) -> Intent:
    """The result of the tables on a question."""
    return understand(asked.text, SENSORS)


async def wrong_facts(asked: Sequence[Question], route: Route) -> int:
    """How many answers say something that is not true."""
    line, wrong = ScriptedLine(), 0
    for each in asked:
        found = faults(await answer(Query(route(each), line, NOW, SHIFTS)))
        wrong += bool(found)
        for fault in found:
            print(f"  wrong: {each.text}: {fault}")
    return wrong


async def understood() -> float:
    """Print how many questions the tables understand, set by set; returns the share of the 120."""
    print(f"{'questions':<12} {'asked':>6} {'right':>6} {'nothing':>8} {'other tool':>11} {'wrong facts':>12}")
    counts, wrong = {}, {}
    for name in (*LANGUAGES, *HELD_OUT):
        asked = questions(name)
        right = [each.is_met_by(by_tables(each)) for each in asked]
        nothing = sum(not ok and by_tables(each).tool in ("", "none") for each, ok in zip(asked, right, strict=True))
        counts[name], wrong[name] = (len(asked), sum(right)), await wrong_facts(asked, by_tables)
        other = len(asked) - sum(right) - nothing
        print(f"{name:<12} {len(asked):>6} {sum(right):>6} {nothing:>8} {other:>11} {wrong[name]:>12}")
    took = [_thought(each) for name in (*LANGUAGES, *HELD_OUT) for each in questions(name)]
    print(f"processor time to understand one: p50 {np.median(took):.2f}, longest {max(took):.1f} ms")
    share = {name: right / total for name, (total, right) in counts.items()}
    first = sum(counts[name][1] for name in LANGUAGES) / sum(counts[name][0] for name in LANGUAGES)
    report.save("ask_right", first, "of 120 questions, no model", {name: share[name] for name in HELD_OUT})
    report.save("ask_wrong_facts", sum(wrong.values()), "answers with a fact that is not true")
    return first


def _thought(asked: Question) -> float:
    """Milliseconds of processor time that understanding it takes."""
    began = time.thread_time()
    by_tables(asked)
    return 1e3 * (time.thread_time() - began)


def furnish(sensors: Sequence[str]) -> tuple[bytes, bytes]:
    """A store in FOLDER with the scripted line's sensors and a day of windows; returns frames as `prepare` does."""
    frames = prepare(FOLDER, len(sensors))
    with closing(sqlite3.connect(FOLDER / NAME)) as db, db:
        for i, name in enumerate(sensors):
            db.execute("update sensors set name = ? where name = ?", (name, f"s{i}"))
            db.execute("update models set sensor = ? where sensor = ?", (name, f"s{i}"))
    now, features = time.time(), frames[0][wire.WINDOW_HEADER :]
    with Store(FOLDER) as store:
        step = 86400.0 / PAST
        rows = [(sensors[i % len(sensors)], now - 86400 + i * step, features, 100) for i in range(PAST)]
        store.windows.write(rows)
    return frames


class Asker:
    """Somebody who asks the gateway of `bench`, one question after the other."""

    def __init__(self, bench: Bench) -> None:
        self._topic = wire.topic(GATEWAY, "request", "ask")
        self._link = Link("127.0.0.1", bench.port, "asker", subscriptions={wire.topic(GATEWAY, "response", "ask"): 1})
        self._answers: asyncio.Queue[dict[str, object]] = asyncio.Queue()

    async def listen(self) -> None:
        """Collect answers until cancelled."""
        async for message in self._link.messages():
            self._answers.put_nowait(json.loads(message.payload))

    async def ask(self, text: str) -> dict[str, object]:
        """Send a question; returns the answer."""
        payload = json.dumps({"text": text, "transaction": "1"}).encode()
        async with asyncio.timeout(PATIENCE):
            while not await self._link.publish(Message(self._topic, payload, qos=1)):
                await asyncio.sleep(0.05)
            return await self._answers.get()


@asynccontextmanager
async def asking(bench: Bench) -> AsyncIterator[Asker]:
    """An asker that hears answers while the context lasts."""
    asker = Asker(bench)
    task = asyncio.create_task(asker.listen())
    try:
        yield asker
    finally:
        task.cancel()


async def times(broker: str) -> None:
    """Print how long an answer takes, over MQTT, of a gateway that has a past."""
    frames = furnish(SENSORS)
    took = []
    async with started(broker, frames, len(SENSORS)) as bench, asking(bench) as asker:
        asked = [each for name in LANGUAGES for each in questions(name)]
        await asker.ask(asked[0].text)  # connected, files read
        for each in asked:
            began = time.perf_counter()
            said = await asker.ask(each.text)
            took.append(1e3 * (time.perf_counter() - began))
            assert said["status"] == "ok", said
    p50, p99 = np.percentile(took, [50, 99])
    print(f"question -> answer over MQTT, {PAST} windows stored: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    report.save("ask_p50_ms", p50, "ms, question -> answer over MQTT, no model", {"p99": p99})


async def routed(path: Path) -> None:
    """Print what the model reaches alone on the 120, and with the tables on the questions these never saw."""
    model, took = ModelProcess(Assistant(model=str(path), seconds=120.0)), []

    async def choose(each: Question, guess: Intent) -> Intent:
        began = time.perf_counter()
        told = await model.complete(request(each.text, SENSORS))
        took.append(time.perf_counter() - began)
        return believed(told, each.text, SENSORS, guess)

    asked = [each for name in LANGUAGES for each in questions(name)]
    alone = [await choose(each, replace(by_tables(each), tool="", sensors=())) for each in asked]
    right = [each.is_met_by(found) for each, found in zip(asked, alone, strict=True)]
    tools = sum((each.tool == found.tool) for each, found in zip(asked, alone, strict=True))
    unseen = questions(UNSEEN)
    both = [by_tables(each) if by_tables(each).tool else await choose(each, by_tables(each)) for each in unseen]
    together = sum(each.is_met_by(found) for each, found in zip(unseen, both, strict=True))
    before = sum(each.is_met_by(by_tables(each)) for each in unseen)
    found = dict(zip([*asked, *unseen], [*alone, *both], strict=True))
    wrong = await wrong_facts([*asked, *unseen], lambda each: found[each])
    await model.close()
    print(f"{path.name} alone on the 120: tool right {tools}, tool, sensor and time right {sum(right)}")
    print(f"tables alone on {len(unseen)} unseen: {before}; tables, then the model: {together}; wrong facts {wrong}")
    print(f"an answer of the model: median {np.median(took):.1f} s, longest {max(took):.1f} s")
    against = {
        "tool": tools / len(asked),
        "unseen, tables": before / len(unseen),
        "unseen, both": together / len(unseen),
    }
    report.save("ask_model_right", sum(right) / len(asked), f"of 120 questions, {path.name} alone", against)


async def _keep_busy(asker: Asker, answers: list[dict[str, object]]) -> None:
    """Ask what only the model can route, without a pause."""
    while True:
        answers.append(await asker.ask(ODD.format(n=len(answers))))


def _workers(gateway_pid: int) -> list[int]:
    """The processes of models that a gateway has started."""
    children = Path(f"/proc/{gateway_pid}/task/{gateway_pid}/children").read_text().split()
    return [int(each) for each in children if "model.worker" in Path(f"/proc/{each}/cmdline").read_text()]


async def busy_model(broker: str, path: Path, seconds: float, rounds: int) -> None:
    """Print what a busy model costs the data path.

    Slices in which the model works and in which its process is stopped take turns on one gateway, for others use this
    machine, too, and both should meet them alike.
    """
    settings = f'[assistant]\nmodel = "{path}"\nseconds = 600\n'
    took: dict[str, list[float]] = {"idle": [], "busy": []}
    answers: list[dict[str, object]] = []
    async with gateway(broker, LINE, settings=settings) as bench, asking(bench) as asker:
        bench.fault_every = 2 * LINE  # every second window of one sensor
        load = asyncio.create_task(_keep_busy(asker, answers))
        while not _workers(bench.pid):
            await asyncio.sleep(0.1)
        await bench.run(RATE, 2.0)  # warm
        for state, sign in [("idle", signal.SIGSTOP), ("busy", signal.SIGCONT)] * rounds:
            for pid in _workers(bench.pid):
                os.kill(pid, sign)
            bench.took_ms.clear()
            await bench.run(RATE, seconds)
            await bench.settled()
            took[state] += bench.took_ms
        load.cancel()
    p99 = {state: float(np.percentile(found, 99)) for state, found in took.items()}
    p50 = {state: float(np.percentile(found, 50)) for state, found in took.items()}
    ratio = p99["busy"] / p99["idle"]
    for state in took:
        print(f"window -> alert, model {state}: p50 {p50[state]:.1f}, p99 {p99[state]:.1f} ms of {len(took[state])}")
    print(f"ratio of p99 {ratio:.2f}, of p50 {p50['busy'] / p50['idle']:.2f}; {len(answers)} answers meanwhile")
    against = {"p99 idle ms": p99["idle"], "p99 busy ms": p99["busy"], "p50 ratio": p50["busy"] / p50["idle"]}
    report.save("ask_alert_p99_ratio", ratio, "window -> alert p99, model busy over stopped", against)


async def main() -> None:
    """Print the tables and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a .gguf file")
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="of windows, for each slice with the model busy or stopped"
    )
    parser.add_argument("--rounds", type=int, default=12, help="of a slice each; 0: none")
    chosen = parser.parse_args()
    logging.disable()
    broker = "mosquitto" if mosquitto.program() else "embedded"
    print(f"questions to the line, {broker}, {report.machine()}")
    await understood()
    await times(broker)
    if not chosen.model:
        print("no model: MODEL=file.gguf also measures one, and ask_alert_p99_ratio")
        return
    if chosen.rounds:
        await busy_model(broker, chosen.model.resolve(), chosen.seconds, chosen.rounds)
    try:
        await routed(chosen.model)
    except ModelError as error:
        print(f"{chosen.model}: {error}")


if __name__ == "__main__":
    asyncio.run(main())
