"""The pool of several gateways over a broker in memory: right results whatever some do, and accounts that agree."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reedmesh.errors import WireError
from reedmesh.jobs import borrowing, kinds
from reedmesh.jobs.auction import Outcome
from reedmesh.jobs.borrowing import Job
from reedmesh.jobs.process import Done, Limits
from reedmesh.jobs.rule import Condition
from reedmesh.jobs.standing import DAY
from reedmesh.provenance import ledger
from tests.support.timeouts import PATIENCE
from tools.simulate.pool import LIES, Halls, halls

RECIPE = {"version": 1, "samples": 16, "axes": 1, "bands": 4}
ARGUMENTS: dict[str, Any] = {"features": RECIPE, "windows": 20, "part": "all", "quantile": 0.95, "margin": 2.0}
ARGUMENTS["rule"] = [7, 16, 30]
RIGHT = kinds.packed({"faults": [], "normal": [{**dict.fromkeys(("false", "over", "windows", "onset", "starts"), 7)}]})
RIGHT = RIGHT.replace(b'"false"', b'"machine":"pump","false"')


async def at_once(_kind: str, _arguments: dict[str, Any], data: Path, _limits: Limits) -> Done:
    """The right result, of data that have arrived."""
    await asyncio.to_thread(data.read_bytes)
    return Done(kinds.packed(kinds.find("evaluate").read(RIGHT)), 20)


async def borrowed(it: Halls, job: Job | None = None) -> Outcome:
    async with asyncio.timeout(PATIENCE):
        return await it.members["hall0"].pool.borrow(job or Job("evaluate", ARGUMENTS, seconds=0.02))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)


def test_two_lenders_do_a_job_and_both_ledgers_say_so(tmp_path: Path) -> None:
    async def main() -> None:
        async with halls(tmp_path, 4, at_once, checked=0) as it:
            data = it.members["hall0"].pool.data.keep(bytes(range(256)) * 1000)
            outcome = await borrowed(it, Job("evaluate", ARGUMENTS, data))
            assert kinds.find("evaluate").read(outcome.data) and len(outcome.paid) == 2 and not outcome.here
            await until(lambda: it.balance() == 0)
            owner = it.members["hall0"].disk.store
            assert sum(each.borrowed for each in owner.lending.accounts().values()) == sum(outcome.paid.values()) > 0
            for name in outcome.paid:
                assert it.members[name].pool.data.has(data), "256 000 bytes came, part by part"
                (entry,) = [each for each in _entries(it, name) if each["kind"] == ledger.LENT]
                assert entry["gateway"] == "hall0" and entry["ms"] == outcome.paid[name]
            assert [each["kind"] for each in _entries(it, "hall0")].count(ledger.BORROWED) == 2

    asyncio.run(main())


@pytest.mark.parametrize("lie", LIES)
def test_a_liar_is_outvoted_named_and_out_for_a_day(tmp_path: Path, lie: str) -> None:
    async def main() -> None:
        async with halls(tmp_path, 4, at_once, checked=0) as it:
            it.members["hall1"].lie = lie
            outcomes = [await borrowed(it) for _ in range(6)]
            right = (await at_once("", {}, Path("/dev/null"), Limits())).data
            assert {each.data for each in outcomes} == {right}
            accused = [each for each in outcomes if "hall1" in {*each.disagreed, *each.failed}]
            assert len(accused) == 1, "it was asked once, and then not again"
            pool = it.members["hall0"].pool
            assert "hall1" in pool.standing.out(pool._voice.now())
            if lie == "another":
                (entry,) = [each for each in _entries(it, "hall0") if each["kind"] == ledger.DISAGREED]
                assert entry["gateway"] == "hall1"
                assert (
                    it.members["hall0"].disk.store.lending.accounts()["hall1"].out_until > pool._voice.now() + DAY - 60
                )

    asyncio.run(main())


def test_who_is_out_stays_out_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        async with halls(tmp_path, 4, at_once, checked=0) as it:
            it.members["hall1"].lie = "another"
            while "hall1" not in (await it.members["hall0"].pool.table())["out"]:
                await borrowed(it)
            await it.restart("hall0")
            assert "hall1" in (await it.members["hall0"].pool.table())["out"]

    asyncio.run(main())


def test_a_lender_that_never_answers_is_tried_elsewhere(tmp_path: Path) -> None:
    async def main() -> None:
        async with halls(tmp_path, 4, at_once, checked=0, patience=0.2) as it:
            it.members["hall1"].silent = it.members["hall2"].silent = True
            outcomes = [await borrowed(it) for _ in range(4)]
            assert {name for each in outcomes for name in each.silent} == {"hall1", "hall2"}
            assert sum(bool(each.silent) for each in outcomes) <= 2, "they were left out after that"

    asyncio.run(main())


def test_receipts_that_were_lost_are_said_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(borrowing, "REMIND_SECONDS", 0.05)

    async def main() -> None:
        async with halls(tmp_path, 3, at_once, checked=0) as it:
            deaf = it.members["hall1"]
            heard, deaf.pool.lender._keep = deaf.pool.lender._keep, _lost  # type: ignore[method-assign]
            await borrowed(it)
            assert it.balance() != 0
            await it.restart("hall1")
            await until(lambda: it.balance() == 0)
            accounts = it.members["hall0"].disk.store.lending
            await until(lambda: all(each.known == each.borrowed for each in accounts.accounts().values()))
            assert heard

    asyncio.run(main())


def test_a_gateway_with_an_open_alert_lends_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with halls(tmp_path, 3, at_once, checked=0) as it:
            it.members["hall1"].condition = Condition(alerts=1)
            outcome = await borrowed(it)
            assert outcome.here and not outcome.paid, "one lender alone is not enough"
            assert it.members["hall1"].pool.lender.hindrance

    asyncio.run(main())


def test_a_lender_does_one_job_at_a_time(tmp_path: Path) -> None:
    running = dict[str, int]()
    most = 0

    async def slow(kind: str, arguments: dict[str, Any], data: Path, limits: Limits) -> Done:
        nonlocal most
        mine = id(limits)
        running[str(mine)] = running.get(str(mine), 0) + 1
        most = max(most, running[str(mine)])
        await asyncio.sleep(0.02)
        running[str(mine)] -= 1
        return await at_once(kind, arguments, data, limits)

    async def main() -> None:
        async with halls(tmp_path, 4, slow, checked=0) as it:
            outcomes = await asyncio.gather(*(borrowed(it) for _ in range(8)))
            assert len({each.data for each in outcomes}) == 1
            assert most == 1

    asyncio.run(main())


def test_what_a_hostile_owner_asks_for_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with halls(tmp_path, 3, at_once, checked=0) as it:
            pool = it.members["hall0"].pool
            with pytest.raises(WireError, match="no kind of job"):
                await pool.borrow(Job("shell", {}))
            with pytest.raises(WireError, match="arguments are"):
                await pool.borrow(Job("evaluate", {"x": 1}))
            with pytest.raises(WireError, match="no data"):
                await pool.borrow(Job("evaluate", ARGUMENTS, "ab" * 32))

    asyncio.run(main())


def _entries(it: Halls, name: str) -> list[dict[str, Any]]:
    table = it.members[name].disk.store.ledger
    assert table
    return table.newest(1000)


async def _lost(*_: object) -> None:
    pass
