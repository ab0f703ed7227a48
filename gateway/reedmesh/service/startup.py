"""The start of a gateway: loads its ledger, its sensors and its alerts from the store."""

import contextlib
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from reedmesh import __version__
from reedmesh.config.settings import Config
from reedmesh.errors import ConfigError
from reedmesh.identity import keystore
from reedmesh.inference.family import Family
from reedmesh.protocol.wire import WireError
from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Entry
from reedmesh.readings.line import Line
from reedmesh.readings.parts import FIRST, station
from reedmesh.readings.sensor import Sensor
from reedmesh.store import ledger_table
from reedmesh.store.store import Store
from reedmesh.updates.attestation import Passports
from reedmesh.updates.model_rollout import ModelRollout

log = logging.getLogger(__name__)


def remember(line: Line, store: Store, model_rollout: ModelRollout) -> None:
    """Take up where the last run of the gateway stopped: hellos, models, and which sensors are learnt anew."""
    counts, kept = store.windows.counts(), store.parts.counts()
    for name, hello in store.sensors.hellos().items():
        sensor = line.known(name)
        sensor.hello, sensor.learnt = hello, counts.get(name, 0)
        line.assign(sensor)
        _remember_station(sensor, kept.get(name, 0))
        model_rollout.recall(sensor)
        sensor.pinned = sensor.model is not None and store.models.is_taken_back(name)
    for name, learnt in store.sensors.relearning().items():
        sensor = line.known(name)
        sensor.relearning, sensor.learnt = sensor.model is not None, learnt


def _remember_station(sensor: Sensor, kept: int) -> None:
    """What a sensor that judges parts is besides; kept: how many of them the store has."""
    with contextlib.suppress(WireError):
        sensor.station = station(sensor.hello, None) if not sensor.unserved else None
    if sensor.station:
        sensor.to_learn, sensor.station.heard = FIRST, kept


def begin_ledger(
    config: Config,
    family: Family,
    store: Store,
    clock: Callable[[], float],
    family_of: Callable[[str], Family | None] | None = None,
) -> Passports:
    """Enter and sign what happens from now on; the first time, sign passports of the models that are there."""
    state, name = Path(config.state), config.name
    key, counting = keystore.load(state), partial(keystore.counting, state, name)
    table = store.begin_ledger(name, key, clock)
    passports = Passports(name, family, key, counting, family_of)
    try:
        head = ledger_table.published(state, keystore.lineage(state, name))
        fault = table.lost(head) if head else ""
    except ConfigError as error:  # nobody is kept waiting for it, and no model is vouched for
        head, fault = None, str(error)
    if fault:
        log.error("ledger: %s: the database was put back from a backup, or its past was changed", fault)
        store.note(Entry(ledger.RESTORED, sequence=head.number if head else 0, reason=fault))
    elif not head:
        store.models.sign(passports.inherit)
        store.enter(Entry(ledger.BEGUN, family=family.id, reason=f"reedmesh {__version__}"))
    return passports
