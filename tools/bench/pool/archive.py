"""The archive of a site, over real brokers: readable with three gateways gone, repair, audits, overhead, CPU.

Eight gateways in one process, each with a mosquitto of its own and links to the seven others. CPU is that of the whole
process, so of all eight gateways together. Hours until audits pass at once; seconds of repair are real.

    python -m tools.bench.pool.archive --objects 200 --audits 24
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from random import Random

from reedmesh.archive import coded
from reedmesh.archive.coded import Place, Wanted
from reedmesh.archive.manifest import Manifest
from reedmesh.archive.placement import ranked
from reedmesh.errors import ConfigError, ReedmeshError
from tools.bench import report
from tools.bench.pool.site import BenchSite, Member, bench_site, free_site, others_apart

GATEWAYS, SIZE, LOST = 8, 40_000, 3
MODEL = "bench"
PERIOD = 3600.0
SPREAD = 120.0  # seconds in which every gateway has to know all manifests
REPAIRED = 180.0


def main() -> int:
    """Print the tables and keep the figures; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=200)
    parser.add_argument("--audits", type=int, default=24)
    chosen = parser.parse_args()
    for name in ("reedmesh", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # brokers are killed on purpose
    print(f"{GATEWAYS} gateways, each with its own mosquitto, in one process; {report.machine()}", flush=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(_own_cost(Path(folder) / "own", min(chosen.objects, 100)))
            asyncio.run(_measure(Path(folder) / "eight", chosen.objects, chosen.audits))
            asyncio.run(_repair_elsewhere(Path(folder) / "nine", chosen.objects))
    except ConfigError as error:
        print(f"bench-pool: {error}", file=sys.stderr)
        return 2
    return 0


async def _measure(folder: Path, objects: int, audits: int) -> None:
    folder.mkdir()
    async with bench_site(folder, free_site(GATEWAYS)) as site:
        contents = await _put(site, objects)
        await _spread(site, objects)
        _overhead(site, objects)
        await _get(site, contents)
        _triples(site, contents)
        await _flipped(site, audits)
        await _repair(site, "g7", "repair, 8 gateways, one dead")
        await _dead(site, contents)


async def _own_cost(folder: Path, objects: int) -> None:
    """CPU of the gateway that puts and gets, the seven others being in another process."""
    folder.mkdir()
    ports, dice = free_site(GATEWAYS), Random(5)
    with others_apart(folder, ports, list(ports)[1:]):
        async with bench_site(folder, ports, ["g0"]) as site:
            archive = site.members["g0"].archive
            contents = [dice.randbytes(SIZE) for _ in range(objects)]
            cpu = time.process_time()
            placed = [await archive.objects.put(each, Wanted(MODEL, "model")) for each in contents]
            put, cpu = time.process_time() - cpu, time.process_time()
            for each in placed:
                await archive.objects.get(each.manifest.id)
            get = time.process_time() - cpu
    put, get = 1000 * put / objects, 1000 * get / objects
    print(f"the gateway that puts and gets, alone in its process: put {put:.1f} ms CPU, get {get:.1f} ms CPU")
    report.save("archive_put_cpu_ms", put, "ms")
    report.save("archive_get_cpu_ms", get, "ms")


async def _put(site: BenchSite, objects: int) -> dict[bytes, bytes]:
    dice, contents = Random(1), {}
    cpu, began, slowest = time.process_time(), time.monotonic(), 0.0
    for i in range(objects):
        content, owner = dice.randbytes(SIZE), site.members[site.names[i % GATEWAYS]]
        before = time.monotonic()
        placed = await owner.archive.objects.put(content, Wanted(f"{MODEL} {i}", "model"))
        slowest = max(slowest, time.monotonic() - before)
        contents[placed.manifest.id] = content
    each = 1000 * (time.process_time() - cpu) / objects
    wall = 1000 * (time.monotonic() - began) / objects
    print(f"put: {each:.1f} ms CPU of all {GATEWAYS} gateways, {wall:.1f} ms, slowest {1000 * slowest:.0f} ms")
    own = _own_share(contents[next(iter(contents))])
    print(f"     of it the owner's coding, hashing and signing: {own:.2f} ms CPU")
    return contents


def _own_share(content: bytes) -> float:
    """CPU of coding an object, ms."""
    from tools.bench.pool.site import key_of

    wanted, rounds, cpu = Wanted(MODEL, "model"), 50, time.process_time()
    for _ in range(rounds):
        coded.code(content, wanted, "g0", key_of("g0"), GATEWAYS, 1, "reedmesh")
    return 1000 * (time.process_time() - cpu) / rounds


async def _spread(site: BenchSite, objects: int) -> None:
    full = lambda: all(_is_whole(each, objects) for each in site.alive())  # noqa: E731
    took = await site.until("every gateway knows where all shards are", SPREAD, full)
    print(f"every gateway knows all manifests and holders {took:.1f} s after the last put")


def _is_whole(member: Member, objects: int) -> bool:
    at = member.archive.site
    known = list(at.shelf.manifests.values())
    return len(known) == objects and not any(at.missing(it) for it in known)


def _overhead(site: BenchSite, objects: int) -> None:
    total = site.files() / objects
    bound = 1.7 * SIZE + 1000
    print(f"on disk: {total:.0f} bytes an object of {SIZE}, x{total / SIZE:.3f}; 1.7 x + 1 kB are {bound:.0f}")
    report.save("archive_overhead", total / SIZE, "x", {"3 copies": 3.0, "1.7 x + 1 kB": bound / SIZE})


async def _get(site: BenchSite, contents: dict[bytes, bytes]) -> None:
    cpu, began = time.process_time(), time.monotonic()
    for i, (object_id, content) in enumerate(contents.items()):
        reader = site.members[site.names[(i + 3) % GATEWAYS]]
        if await reader.archive.objects.get(object_id) != content:
            raise ConfigError("another content was read than was put")
    each = 1000 * (time.process_time() - cpu) / len(contents)
    wall = 1000 * (time.monotonic() - began) / len(contents)
    print(f"get: {each:.1f} ms CPU of all {GATEWAYS} gateways, {wall:.1f} ms")


def _triples(site: BenchSite, contents: dict[bytes, bytes]) -> None:
    """Read all objects from the files of the gateways that are left, for all ways to lose three; and of copies."""
    shards = {name: _shards(site.folder / name / "archive") for name in site.names}
    manifests = site.members["g0"].archive.site.shelf.manifests
    lost, hurt = 0, 0
    triples = list(combinations(site.names, LOST))
    for dead in triples:
        rest = [shards[name] for name in site.names if name not in dead]
        unread = sum(not _reads(manifests[each], rest, content) for each, content in contents.items())
        lost, hurt = lost + unread, hurt + bool(unread)
    print(f"loss over all {len(triples)} ways to lose {LOST} of {GATEWAYS} gateways, {len(contents)} objects:")
    print(f"{'code':>10} {'disk':>6} {'objects lost':>13} {'ways that lose some':>20}")
    _row("5 of 8", 1.6, lost / len(triples) / len(contents), hurt)
    for copies in (2, 3):
        share, ways = _copies(site.names, list(contents), copies, triples)
        _row(f"{copies} copies", copies, share, ways)


def _row(code: str, disk: float, share: float, ways: int) -> None:
    print(f"{code:>10} {'x' + format(disk, 'g'):>6} {share:>12.1%} {ways:>20}")


def _copies(
    names: Sequence[str], ids: Sequence[bytes], copies: int, triples: Sequence[Sequence[str]]
) -> tuple[float, int]:
    """Share of the objects that are lost on average with so many copies, and ways that lose some."""
    places = [set(ranked(each, names)[:copies]) for each in ids]
    losses = [sum(holders <= set(dead) for holders in places) for dead in triples]
    return sum(losses) / len(triples) / len(ids), sum(map(bool, losses))


def _shards(folder: Path) -> dict[bytes, dict[Place, bytes]]:
    found: dict[bytes, dict[Place, bytes]] = {}
    for path in folder.glob("*.*.*"):
        object_id, block, index = path.name.split(".")
        found.setdefault(bytes.fromhex(object_id), {})[int(block), int(index)] = path.read_bytes()
    return found


def _reads(it: Manifest, rest: list[dict[bytes, dict[Place, bytes]]], content: bytes) -> bool:
    there: dict[Place, bytes] = {}
    for each in rest:
        there |= each.get(it.id, {})
    try:
        return coded.decode(it, there) == content
    except (ValueError, ReedmeshError):
        return False


async def _flipped(site: BenchSite, most: int) -> None:
    """Flip one byte at each gateway, and audit until all are found."""
    dice, flipped = Random(2), {}
    for name in site.names:
        path = dice.choice(sorted((site.folder / name / "archive").glob("*.*.*")))
        at, data = dice.randrange(path.stat().st_size), bytearray(path.read_bytes())
        data[at] ^= 1 << dice.randrange(8)
        path.write_bytes(data)
        flipped[name] = 0
    rounds: dict[str, int] = {}
    for number in range(1, most + 1):
        site.clock.ahead += PERIOD
        await asyncio.gather(*(each.archive.keeper.audit() for each in site.alive()))
        for name in flipped:
            if site.members[name].archive.site.shelf.damaged and name not in rounds:
                rounds[name] = number
    told = ", ".join(f"{name} {rounds.get(name, 0) or 'NOT'}" for name in site.names)
    print(f"one flipped byte at each gateway, found in audit: {told}; {most} are allowed")
    report.save("archive_audits_to_find", max(rounds.values(), default=0), "audits", {"found": len(rounds)})
    whole = lambda: all(_is_whole(each, len(each.archive.site.shelf.manifests)) for each in site.alive())  # noqa: E731
    took = await site.until("flipped shards are mended", REPAIRED, whole)
    print(f"all of them mended {took:.1f} s later")


async def _repair(site: BenchSite, dead: str, what: str) -> float:
    """Seconds from the moment a dead gateway is declared to full redundancy, as all others see it."""
    await site.kill(dead)
    objects = len(site.alive()[0].archive.site.shelf.manifests)
    for each in site.alive():
        each.archive.site.peers.patience = 2.0
    for _ in range(3):
        site.clock.ahead += PERIOD
        await asyncio.gather(*(each.archive.keeper.audit() for each in site.alive()))
    began = time.monotonic()
    declared = all(each.archive.site.directory.is_lost(dead, site.clock()) for each in site.alive())
    await site.until("all shards are there again", REPAIRED, lambda: all(_is_whole(e, objects) for e in site.alive()))
    took = time.monotonic() - began
    made = sum(each.archive.keeper.repaired for each in site.alive())
    margins = [each.archive.table(0)["margins"] for each in site.alive()]
    print(f"{what}: declared by all after 3 audits: {declared}")
    print(f"     all {objects} objects have all shards again {took:.1f} s later")
    print(
        f"     {made} shards were made again since the start; objects by holders that may still be lost: {margins[0]}"
    )
    report.save("archive_repair_s" if len(site.names) == GATEWAYS else "archive_repair_elsewhere_s", took, "s")
    return took


async def _dead(site: BenchSite, contents: dict[bytes, bytes]) -> None:
    """Start the dead one again, kill any three at once, and read everything at once."""
    site.start("g7")
    full = lambda: all(len(each.archive.site.alive()) == GATEWAYS for each in site.alive())  # noqa: E731
    await site.until("g7 is back", REPAIRED, full)
    await _spread(site, len(contents))
    for name in Random(3).sample(site.names, LOST):
        await site.kill(name)
    reader, read, began = site.alive()[0], 0, time.monotonic()
    for object_id, content in contents.items():
        try:
            read += await reader.archive.objects.get(object_id) == content
        except ReedmeshError as error:
            print(error)
    took = time.monotonic() - began
    print(f"{LOST} gateways killed: {read} of {len(contents)} objects read, from the next moment on, in {took:.1f} s")
    report.save("archive_readable", read / len(contents), "of the objects", {"of": len(contents)})


async def _repair_elsewhere(folder: Path, objects: int) -> None:
    """The same with nine gateways, where another one can take the shard."""
    folder.mkdir()
    async with bench_site(folder, free_site(GATEWAYS + 1)) as site:
        dice = Random(4)
        for i in range(objects):
            owner = site.members[site.names[i % GATEWAYS]]
            await owner.archive.objects.put(dice.randbytes(SIZE), Wanted(f"{MODEL} {i}", "model"))
        await _spread(site, objects)
        await _repair(site, "g8", "repair, 9 gateways, one dead")


if __name__ == "__main__":
    sys.exit(main())
