"""A model family: one architecture with one feature recipe, read from its folder; only members of a family can merge.

A folder `models/<name>/` holds `model.toml` and what its `build.py` made of it: `train.tflite` (trains on a gateway),
`float.tflite` (takes the trained weights) and `int8.tflite` (the start weights, as a sensor would run them).
A model reconstructs its scaled features z, and the score of a window is sum((z - model(z))**2), see `scaling.py`.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from reedmesh.config.schema import read_file
from reedmesh.config.settings import AlertRule
from reedmesh.errors import ConfigError
from reedmesh.protocol import recipe as recipes
from reedmesh.protocol.recipe import Recipe

SUMS, NETWORK, BEST, PARTS = "sums", "network", "best", "parts"
# of learning: in closed form, a network, for each sensor whichever does better, or from parts (`learning/parts/`)
KINDS = (SUMS, NETWORK, BEST, PARTS)
FILES = ("train.tflite", "float.tflite", "int8.tflite")
_PACKAGED = Path(__file__).parents[1] / "models"  # in a wheel
_CHECKOUT = Path(__file__).parents[3] / "models"


@dataclass(frozen=True)
class Architecture:
    """hidden: the width of each dense layer between input and output; of parts, that of the classifier and that of the
    network which neighbours hear.
    """

    hidden: tuple[int, ...] = field(metadata={"min": 1, "max": 1024})


@dataclass(frozen=True)
class Training:
    """How a gateway learns, from how many normal windows, and which share (the last) sets a network's threshold.

    kind: one of KINDS. rate: Adam's. batch: fixed in train.tflite. aggregation: a file of learning/rules/.
    """

    windows: int = field(metadata={"min": 20, "max": 100_000})
    held_out: float = field(metadata={"min": 0.05, "max": 0.5})
    epochs: int = field(metadata={"min": 1, "max": 10_000})
    batch: int = field(metadata={"min": 1, "max": 1024})
    rate: float = field(metadata={"min": 1e-6, "max": 1.0})
    seed: int = field(metadata={"min": 0, "max": 2**32 - 1})
    kind: str = SUMS
    aggregation: str = "clipped"


@dataclass(frozen=True)
class Threshold:
    """An alert's threshold is `margin` times the `quantile` of the held-out windows' scores."""

    quantile: float = field(metadata={"min": 0.5, "max": 1.0})
    margin: float = field(metadata={"min": 1.0, "max": 100.0})


@dataclass(frozen=True)
class Summed:
    """Where a family learns by sums, its threshold is `margin` times the `quantile` of normal scores.

    states: the most that are told apart; each costs a board twice as many bytes as a window has features.
    """

    quantile: float = field(default=0.95, metadata={"min": 0.5, "max": 1.0})
    margin: float = field(default=1.8, metadata={"min": 1.0, "max": 100.0})
    states: int = field(default=8, metadata={"min": 1, "max": 32})


@dataclass(frozen=True)
class Plan:
    """A family's model.toml: all that `build.py` needs to know."""

    name: str
    summary: str
    features: dict[str, int | str]  # the recipe, as `recipe.from_table` reads it
    architecture: Architecture
    training: Training
    threshold: Threshold
    range_g: int = field(default=0, metadata={"min": 0, "max": 200})  # of an accelerometer; 0: no matter
    alerts: AlertRule = field(default_factory=AlertRule, kw_only=True)  # the gateway's settings come before it
    sums: Summed = field(default_factory=Summed, kw_only=True)

    @cached_property
    def recipe(self) -> Recipe:
        """How windows become features."""
        return recipes.from_table(self.features)

    @cached_property
    def tensors(self) -> tuple[int, ...]:
        """Lengths of the parts of the flat weights: of each dense layer the matrix, then the biases."""
        if self.training.kind == PARTS:
            return part_tensors(self.recipe.length, self.architecture.hidden[-1])
        widths = [self.recipe.length, *self.architecture.hidden, self.recipe.length]
        return tuple(size for n, m in pairwise(widths) for size in (n * m, m))

    @cached_property
    def id(self) -> str:
        """16 hex digits that gateways compare before they merge: a digest of the architecture and the recipe."""
        meaning = {"architecture": asdict(self.architecture), "features": self.recipe.table()}
        canonical = json.dumps(meaning, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class Family(Plan):
    """A plan and the three models that were built from it; b"" of parts, and by sums where nothing was built."""

    train_tflite: bytes = field(repr=False)
    float_tflite: bytes = field(repr=False)
    int8_tflite: bytes = field(repr=False)


def part_tensors(features: int, hidden: int) -> tuple[int, ...]:
    """Of the network that gateways with stations tell each other, see `learning/parts/shared_net.py`: weights and
    biases of its two layers, then offset and scale of each feature.
    """
    return features * hidden, hidden, 2 * hidden, 2, features, features


def load_family(folder: Path) -> Family:
    """The family in `folder`; raises ConfigError for a fault of model.toml, or a file that was not built.

    Where a family learns by sums, no file need be built: nothing is calculated by them.
    """
    plan = read_plan(folder)
    known = {name: getattr(plan, name) for name in Plan.__dataclass_fields__}
    bare = plan.training.kind == SUMS and not any((folder / name).exists() for name in FILES)
    built = (b"", b"", b"") if bare or plan.training.kind == PARTS else (_built(folder / name) for name in FILES)
    train, with_floats, int8 = built
    return Family(**known, train_tflite=train, float_tflite=with_floats, int8_tflite=int8)


def read_plan(folder: Path) -> Plan:
    """The plan in `folder`'s model.toml; raises ConfigError with a line for each fault."""
    file = folder / "model.toml"
    plan = read_file(Plan, file)
    if plan.name != folder.resolve().name:
        raise ConfigError(f'{file}: "name" must be the folder\'s, "{folder.resolve().name}", not "{plan.name}"')
    if plan.training.kind not in KINDS:
        raise ConfigError(f'{file}: "kind" of [training] must be {", ".join(KINDS)}, not "{plan.training.kind}"')
    try:
        plan.recipe  # noqa: B018 - reads the table, and says what is wrong with it
    except ValueError as e:
        raise ConfigError(f"{file}: {e}") from e
    return plan


def family_names() -> list[str]:
    """The families that came with this program."""
    root = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    return sorted(path.parent.name for path in root.glob("*/model.toml"))


def find_family(name: str) -> Path:
    """The folder of a family: an existing path, or a family that ships. Raises ConfigError, with all names, else."""
    if "/" in name:
        return Path(name)
    root = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    known = family_names()
    if name not in known:
        raise ConfigError(f'no model family "{name}"; known: {", ".join(known) or "none"}')
    return root / name


def _built(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise ConfigError(f"{path}: {e.strerror}; `make models` builds it") from e
