"""`reedmesh run`: a gateway as a process: broker, links, watchdog, and signals.

SIGTERM and SIGINT end it. SIGHUP has the settings read again: good ones are taken by starting anew in place, bad ones
are told and change nothing.
"""

import asyncio
import gc
import logging
import os
import resource
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from reedmesh import __version__
from reedmesh.broker import acl, embedded
from reedmesh.broker.accounts import Users
from reedmesh.broker.own_link import own_link
from reedmesh.config.settings import Config
from reedmesh.errors import ReedmeshError
from reedmesh.identity import certificates
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.inference.families import Families, load
from reedmesh.learning import rules
from reedmesh.links.combined_link import Wired
from reedmesh.links.message import Subscriber
from reedmesh.links.mqtt_link import Link
from reedmesh.links.wires import wires
from reedmesh.outputs.exporters import exporters
from reedmesh.protocol import wire
from reedmesh.readings.subscriptions import BEAT
from reedmesh.service.gateway import Gateway
from reedmesh.service.http_endpoint import Endpoint
from reedmesh.service.neighbour_links import neighbour_links
from reedmesh.service.signals import Signals, hold_reloads
from reedmesh.service.systemd import ServiceNotifier
from reedmesh.service.watchdog import Watchdog
from reedmesh.store.store import Store
from reedmesh.supervisor import Work

log = logging.getLogger(__name__)


MOST_OPEN = 8192  # files and connections; 1024 is usual
SAY_AGAIN_SECONDS = 60.0  # between two times that what is retained is published, where the broker does not keep it
STANDBY_SECONDS = 10.0  # between two looks whether the disk takes data again


def run(settings: Config, reread: Callable[[], Config], file: Path | None = None) -> None:
    """Be the gateway of `settings`, from `file`, until told to end; reread: gives the settings as they are by now."""
    hold_reloads()
    _allow_open_files()
    notifier = ServiceNotifier()
    try:
        anew = asyncio.run(serve(settings, notifier, reread, file))
    except ReedmeshError as error:
        notifier.status(str(error))
        raise
    if anew:
        os.environ.update(notifier.handed_on())
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - the very words this process was started with


def _allow_open_files() -> None:
    """As many as the system lets us have, up to MOST_OPEN: each connection to the embedded broker is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN if hard == resource.RLIM_INFINITY else min(MOST_OPEN, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def serve(
    config: Config,
    notifier: ServiceNotifier,
    reread: Callable[[], Config] | None = None,
    file: Path | None = None,
) -> bool:
    """Run the gateway `config` describes until SIGINT, SIGTERM, or a SIGHUP with other good settings: then True."""
    known = load(config.served)
    served = Families([rules.chosen(each, config.learning.aggregation) for each in known.all])
    store = Store(Path(config.state), config.store.windows, config.store.megabytes * 1_000_000)
    gateway = Gateway(config, served, store)
    if gateway.contents:
        gateway.contents.file = file
    async with AsyncExitStack() as stack:
        if config.broker.embedded:
            users = None if config.broker.anonymous else Users(config)
            admit, folder = gateway.subscriptions.admit, Path(config.state) / certificates.FOLDER
            await stack.enter_async_context(embedded.broker(config.broker, users, folder, admit))
        link = _link(config, gateway)
        watchdog = _watchdog(config, link, gateway, notifier)
        gateway.reported.process = watchdog.table
        beside = exporters(config, gateway.line) | {"subscriptions": partial(gateway.subscriptions.run, link)}
        if config.broker.cluster == "rabbitmq":
            beside["retained state"] = partial(_say_again, link)
        if config.metrics.listen:
            beside["metrics"] = partial(Endpoint(gateway.vitals).run, config.metrics.listen)
        gc.collect()
        gc.freeze()  # programs and models stay: to go through them again and again would hold up alerts by 20 to 50 ms
        task = asyncio.create_task(_work(gateway, watchdog, neighbour_links(config, gateway), beside))
        signals = Signals(task, notifier, reread)
        gateway.stopping = lambda: signals.ends
        gateway.begin_anew = signals.begin_anew
        if store.trouble:
            waiting = asyncio.create_task(_leave_standby(store, signals))
            stack.callback(waiting.cancel)
        log.info("%s: gateway %s begins, broker %s", __version__, config.name, link.place)
        await asyncio.wait([task])
        signals.close()
        if not task.cancelled():
            task.result()
    return signals.anew


async def _say_again(link: Link) -> None:
    """Publish what is retained once more, now and then: RabbitMQ keeps it on one node only, and for no wildcard."""
    while True:
        await asyncio.sleep(SAY_AGAIN_SECONDS)
        link.greet_anew()


async def _leave_standby(store: Store, signals: Signals) -> None:
    """While the database is in memory: begin anew once the disk takes data; closing the store writes back."""
    while not await asyncio.to_thread(store.disk_takes_data):
        await asyncio.sleep(STANDBY_SECONDS)
    log.warning("the disk takes data again; the gateway begins anew with it")
    signals.begin_anew()


async def _work(gateway: Gateway, watchdog: Watchdog, neighbours: list[Subscriber], beside: dict[str, Work]) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(gateway.run(watchdog, neighbours))
        tasks.create_task(watchdog.run())
        for name, work in beside.items():
            tasks.create_task(gateway.supervisor.keep(name, work))


def _watchdog(config: Config, link: Link, gateway: Gateway, notifier: ServiceNotifier) -> Watchdog:
    found = wires(config, SensorKeys(Path(config.state)).of)
    named = [names for _, names in found]
    wired = Wired(config.name, link, [each for each, _ in found], named=named, says=acl.SENSOR_SAYS) if found else None
    channel = wired or link
    topic = wire.topic(config.name, BEAT)
    return Watchdog(channel, topic, link, gateway.see_to_outbox, notifier)


def _link(config: Config, gateway: Gateway) -> Link:
    will = gateway.status("offline")
    said = {"will": will, "farewell": gateway.farewell, "greeting": gateway.greeting}
    admit = None if config.broker.embedded else gateway.subscriptions.admit  # that broker asks by itself
    return own_link(config, "", gateway.subscriptions.topics, admit=admit, **said)
