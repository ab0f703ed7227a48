"""A NATS cluster of three nodes while a block runs; without nats-server the test is skipped, where CI=true it fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reedmesh.errors import ConfigError
from tests.support.micropython import missing
from tools.simulate.nats_cluster import Cluster as Cluster


@contextmanager
def cluster(folder: Path, config: Path) -> Iterator[Cluster]:
    """Three nodes with the users of the gateway that `config` is of."""
    try:
        made = Cluster(folder, config)
    except ConfigError as error:
        missing(str(error))
    try:
        for number in range(3):
            made.start(number)
        made.wait()
        yield made
    finally:
        made.close()
