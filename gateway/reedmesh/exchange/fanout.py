"""Which trusted neighbours a gateway hears in an epoch: a few of them, chosen so that both sides choose alike. Pure.

Rendezvous hashing (Thaler and Ravishankar, 1998) of the epoch and the pair, in which the order of the two does not
count. A pair is kept if its hash is among the `fanout` smallest of either of its gateways. So each gateway hears at
least `fanout` others and about 1.5 times as many on average, links are mutual, and nobody coordinates. Over the epochs
each pair comes to hear each other. Gateways with different lists of neighbours may differ in a few links, which are
then one-way.
"""

from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256

EPOCH = 86_400.0  # seconds


def epoch(now: float) -> int:
    """Return the number of the epoch at `now`, seconds since 1970."""
    return int(now // EPOCH)


def weight(number: int, one: str, two: str) -> bytes:
    """Return the hash of a pair of gateways in an epoch; the order of the two does not count."""
    first, second = sorted((one, two))
    return sha256(f"reedmesh fanout\0{number}\0{first}\0{second}".encode()).digest()


def nearest(number: int, name: str, others: Iterable[str], fanout: int) -> set[str]:
    """Return the `fanout` of `others` whose pairs with `name` have the smallest hashes."""
    return set(sorted((each for each in others if each != name), key=lambda each: weight(number, name, each))[:fanout])


def heard(number: int, name: str, trusted: Collection[str], fanout: int) -> set[str]:
    """Return whom `name` hears in the epoch, where all gateways trust each other. fanout: 0 for everybody.

    Costs len(trusted)² hashes: about 0.6 s for 1000 gateways on a slow machine, once an epoch.
    """
    others = {each for each in trusted if each != name}
    if not fanout or len(others) <= fanout:
        return others
    everybody = {*others, name}
    chosen = nearest(number, name, others, fanout)
    return chosen | {each for each in others - chosen if name in nearest(number, each, everybody, fanout)}


def all_heard(number: int, names: Collection[str], fanout: int) -> Mapping[str, set[str]]:
    """Return the same for every gateway at once, as simulations need it."""
    chosen = {name: nearest(number, name, names, fanout) if fanout else {*names} - {name} for name in names}
    links = {name: set(others) for name, others in chosen.items()}
    for name, others in chosen.items():
        for each in others:
            links[each].add(name)
    return links
