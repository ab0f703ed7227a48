"""The abilities of a transducer driver, read from its file in firmware/drivers without running it."""

import ast
from dataclasses import dataclass
from functools import cache
from typing import Any

from reedmesh.errors import ConfigError
from reedmesh.provisioning.device_tree import FIRMWARE

FOLDER = FIRMWARE / "drivers"
ADC_MOST_HZ, ADC_LEAST_HZ = 1000.0, 1 / 600  # readings a second over all channels; of one
SAME = 0.02  # parts by which a rate may differ from one that the chip has


@dataclass(frozen=True)
class Driver:
    """rates: readings a second the chip has, ascending; () for any. ranges: g -> steps for 1 g. axes: 0 for any number.

    on_i2c: whether it is wired to the bus. stepless: whether all rates between the first and the last are there.
    """

    name: str
    rates: tuple[float, ...]
    ranges: dict[int, float]
    axes: int
    on_i2c: bool
    stepless: bool

    def nearest(self, rate: float) -> float:
        """The rate of the chip that is closest."""
        if self.stepless:
            return min(max(rate, self.rates[0]), self.rates[-1])
        return min(self.rates, key=lambda each: abs(each - rate))

    def range_for(self, wanted: int) -> int:
        """The smallest range that holds `wanted` g, else the largest; 0 where it has none."""
        return min((each for each in self.ranges if each >= wanted), default=max(self.ranges, default=0))


def names() -> list[str]:
    """The files of firmware/drivers that have a `make`."""
    return sorted(
        path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__" and "\ndef make(" in path.read_text()
    )


@cache
def load(name: str) -> Driver:
    """The driver of this name; raises ConfigError with those there are."""
    if name not in names():
        raise ConfigError(f'sensor.driver: no driver "{name}"; there are {", ".join(names())}: --driver adxl345')
    text = (FOLDER / f"{name}.py").read_text()
    told = _constants(ast.parse(text))
    most = told.get("MOST_HZ", float("inf"))
    rates = tuple(sorted(rate for rate in told.get("RATES", {}) if rate <= most))
    on_i2c = "on_i2c(" in text
    ranges = {g: row[1] for g, row in told.get("RANGES", {}).items()}
    return Driver(name, rates, ranges, 3 if on_i2c else told.get("AXES", 0), on_i2c, name == "inmp441")


def _constants(tree: ast.AST) -> dict[str, Any]:
    """Names in capitals that stand for a value, of the file and of its classes."""
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id.isupper():
                    try:
                        found[target.id] = ast.literal_eval(node.value)
                    except ValueError:
                        continue
    return found
