"""Changes one line of important code at a time, and sees whether the tests that must notice do: `make mutate`.

In a copy of what is committed; mutations.toml has the changes. A change that no test notices has survived, and the exit
status is 1. `--sample N --seed S` tries N of them, as CI does.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tools.bench import report

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_name("mutations.toml")
PATIENCE = 300.0  # seconds for the tests of one change
CAUGHT, SURVIVED, BROKEN = "caught", "SURVIVED", "DOES NOT APPLY"


@dataclass(frozen=True)
class Mutation:
    """`old` in `file` becomes `new`, and one of `tests` must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def main() -> int:
    """Try them and print a table; returns 1 when one survived or does not apply."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="how many, chosen by the seed; default all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="those with this in their name")
    chosen = parser.parse_args()
    wanted = [each for each in mutations() if chosen.only in each.name]
    if chosen.sample:
        wanted = random.Random(chosen.seed).sample(wanted, min(chosen.sample, len(wanted)))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x"], cwd=copy, input=archive, check=True)
        outcomes = [tried(copy, each) for each in wanted]
    missed = sum(outcome != CAUGHT for outcome in outcomes)
    print(f"{len(outcomes)} changes, {missed} not noticed")
    if not chosen.sample and not chosen.only:
        report.save("mutants_survived", missed, "")
    return bool(missed)


def mutations() -> list[Mutation]:
    """Those of the list."""
    table = tomllib.loads(LIST.read_text())["mutation"]
    return [Mutation(**{**each, "tests": tuple(each["tests"])}) for each in table]


def tried(copy: Path, mutation: Mutation) -> str:
    """Whether the tests notice it, in the copy of the tree, which is then as it was."""
    path = copy / mutation.file
    before = path.read_text()
    if before.count(mutation.old) != 1:
        outcome, by = BROKEN, f"{before.count(mutation.old)} places"
    else:
        path.write_text(before.replace(mutation.old, mutation.new))
        outcome, by = _run(copy, mutation)
        path.write_text(before)
    print(f"{outcome:<14} {mutation.name}  ({by})", flush=True)
    return outcome


def _run(copy: Path, mutation: Mutation) -> tuple[str, str]:
    environment = {**os.environ, "PYTHONPATH": f"{copy / 'gateway'}{os.pathsep}{copy}", "PYTHONDONTWRITEBYTECODE": "1"}
    words = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [*words, *mutation.tests], cwd=copy, env=environment, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return CAUGHT, f"no end within {PATIENCE:.0f} s"
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAILED")]
    if done.returncode == 1:
        return CAUGHT, failed[0].rpartition("::")[2][:80] if failed else "a test failed"
    return (SURVIVED, ", ".join(mutation.tests)) if done.returncode == 0 else (BROKEN, done.stdout[-200:])


if __name__ == "__main__":
    sys.exit(main())
