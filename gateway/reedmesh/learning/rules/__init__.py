"""Aggregation rules: how neighbours' updates become part of our models. Each file of this folder is one rule. Pure.

`[learning] aggregation` names the rule; its file has the two functions of `Rule`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol, cast

from reedmesh.errors import ConfigError
from reedmesh.inference.family import Family
from reedmesh.learning.aggregate import Loss, Merged, Peer
from reedmesh.learning.arrays import Doubles, Floats
from reedmesh.learning.covariance import Scatter

NAMES = tuple(sorted(module.name for module in iter_modules(__path__)))


class Rule(Protocol):
    """A rule: `merge` for families that train a network, `pool` for those that learn by sums."""

    def merge(
        self, own: Floats, public: Floats, windows: int, peers: Mapping[str, Peer], loss: Loss, step: float, /
    ) -> Merged:
        """Merge weights, each float32 [n].

        own: ours, learnt from `windows` windows; public: the copy of ours that neighbours hold. peers: by name, any
        number. loss: the mean squared error of weights on our held-out windows. step: 0 to 1, the part of the way.
        """

    def pool(self, own: Scatter, neighbours: Sequence[Scatter], /) -> Doubles | None:
        """Pool the neighbours' covariances into one, float64 [p, p], in squared steps; None when nobody has one."""


def find(name: str) -> Rule:
    """The rule of that name; raises ConfigError, with the names that exist, for an unknown one.

    >>> find("unknown")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    reedmesh.errors.ConfigError: learning.aggregation = "unknown": one of ...
    """
    if name not in NAMES:
        raise ConfigError(f'learning.aggregation = "{name}": one of {", ".join(NAMES)}')
    return cast(Rule, import_module(f"{__name__}.{name}"))


def chosen(family: Family, name: str) -> Family:
    """The family with the rule of that name; "": with its own. Raises ConfigError for a rule that does not exist."""
    training = replace(family.training, aggregation=name or family.training.aggregation)
    find(training.aggregation)
    return replace(family, training=training)
