"""What a gateway costs among many that exchange: CPU, memory, bytes and messages, each gateway and round.

All gateways run the exchange and the learning of the product in one process, each with a broker in memory. The first
round, in which everything is loaded, does not count. Rounds until news of one gateway reached 99 % follow from who
hears whom: what a gateway merged in one round, its neighbours hear in the next.

    python -m tools.bench.scale --gateways 8,100 --topology fanout6
"""

import argparse
import asyncio
import resource
import sys
import time
from dataclasses import dataclass

from reedmesh.errors import ConfigError
from reedmesh.exchange import fanout
from tools.bench import report
from tools.bench.learning import world
from tools.simulate.neighbourhood import Neighbourhood, Setting, hears, neighbourhood

FULL = 1000  # gateways of the key for rounds


@dataclass(frozen=True)
class Cost:
    """Of one gateway in one round: CPU in ms, wall time of the round in s, bytes published, messages heard."""

    gateways: int
    cpu_ms: float
    round_s: float
    sent: float
    messages: float
    neighbours: float
    megabytes: float


def main() -> int:
    """Print the table and keep the figures; returns the exit status."""
    chosen = _arguments()
    try:
        costs = [asyncio.run(cost(count, chosen.topology, chosen.rounds)) for count in chosen.gateways]
    except ConfigError as error:
        print(f"bench_scale: {error}", file=sys.stderr)
        return 2
    print(f"each gateway and round, {chosen.topology}, {report.machine()}")
    print(f"{'gateways':>8} {'CPU ms':>8} {'round s':>8} {'bytes':>8} {'messages':>9} {'neighbours':>10} {'RSS MB':>7}")
    for each in costs:
        print(f"{each.gateways:>8} {each.cpu_ms:>8.1f} {each.round_s:>8.1f} {each.sent:>8.0f} {each.messages:>9.1f} "
              f"{each.neighbours:>10.1f} {each.megabytes:>7.0f}")  # fmt: skip
    rounds = rounds_to(0.99, hears(chosen.topology, FULL)) if chosen.topology.startswith("fanout") else 0
    print(f"news of one of {FULL} reached 99 % of them after {rounds} rounds" if rounds else "")
    _keep(costs, rounds)
    return 0


async def cost(count: int, topology: str, rounds: int) -> Cost:
    """Measure `rounds` rounds of `count` gateways after the first one."""
    family, machines = world("simulated")
    at = [[machines[i % len(machines)]] for i in range(count)]
    async with neighbourhood(family, at, Setting(topology, patience=600.0)) as it:
        await it.play()
        cpu, wall, sent, heard = _now(it)
        for _ in range(rounds):
            await it.play()
        spent = [after - before for after, before in zip(_now(it), (cpu, wall, sent, heard), strict=True)]
        degree = sum(map(len, it.neighbours)) / count
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    each = count * rounds
    return Cost(count, 1000 * spent[0] / each, spent[1] / rounds, spent[2] / each, spent[3] / each, degree, megabytes)


def _now(it: Neighbourhood) -> tuple[float, float, float, float]:
    return time.process_time(), time.perf_counter(), it.air_bytes, it.messages_heard


def rounds_to(share: float, heard: list[list[int]]) -> int:
    """Return the rounds after which news of gateway 0 reached that share of all. heard: the neighbours of each."""
    known, rounds = {0}, 0
    while len(known) < share * len(heard):
        known |= {i for i, others in enumerate(heard) if known.intersection(others)}
        rounds += 1
        if rounds > len(heard):
            raise ConfigError("news does not reach everybody: the gateways are not connected")
    return rounds


def _keep(costs: list[Cost], rounds: int) -> None:
    last = costs[-1]
    report.save("scale_messages_per_neighbour", last.messages / last.neighbours, "a neighbour and round",
                {f"at {each.gateways}": each.messages / each.neighbours for each in costs})  # fmt: skip
    ratio = last.cpu_ms / costs[0].cpu_ms
    report.save(f"scale_cpu_ratio_{last.gateways}", ratio, f"times the CPU of one among {costs[0].gateways}")
    if rounds:
        report.save("scale_rounds_to_99", rounds, f"rounds, of {FULL} gateways, fanout, epoch {fanout.epoch(0.0)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gateways", type=lambda text: [int(each) for each in text.split(",")], default=[8, 100])
    parser.add_argument("--topology", default="fanout6", help="fanout6, ring, k4 or full")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
