"""The links to the brokers of the neighbours: for updates while a neighbour is heard, for the archive always."""

from functools import partial

from reedmesh.archive import frames
from reedmesh.archive.link import ArchiveLink
from reedmesh.broker import acl
from reedmesh.config.settings import Config, Neighbour
from reedmesh.exchange.heard import EpochLink, HeardNow, heard_now
from reedmesh.exchange.listener import subscriptions_of
from reedmesh.links.message import Subscriber
from reedmesh.links.mqtt_link import Link
from reedmesh.service.gateway import Gateway


def neighbour_links(config: Config, gateway: Gateway) -> list[Subscriber]:
    """A link to each neighbour's broker, which listens only."""
    now = heard_now(config)
    return [_link(each, config, gateway, now) for each in config.neighbours]


def _link(it: Neighbour, config: Config, gateway: Gateway, now: HeardNow) -> Subscriber:
    archive = gateway.parts.archive
    topics = partial(_topics, it, config, gateway, now if archive else None)
    login = (acl.gateway_user(config.name), it.password) if it.password else None
    first, *others = it.nodes
    link = Link(*first, f"{config.name}-at-{it.name}", subscriptions=topics, login=login, ca=it.ca, others=others)
    if archive:
        return ArchiveLink(link, archive.take, partial(now.__contains__, it.name))
    return EpochLink(link, it.name, now)


def _topics(it: Neighbour, config: Config, gateway: Gateway, now: HeardNow | None) -> dict[str, int]:
    """What is heard of a neighbour; now: whom updates are heard of, None: of everybody with a link."""
    qos = int(len(it.nodes) == 1)  # a cluster replicates a queue for each filter at QoS 1
    parts = gateway.parts
    archive = frames.subscriptions(it.name, config.name, qos) if parts.archive else {}
    if now is not None and it.name not in now:
        return archive
    return archive | subscriptions_of(it.name, parts.exchanged, gateway.federation, config.name, most_qos=qos)
