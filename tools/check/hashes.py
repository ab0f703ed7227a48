"""Writes gateway/requirements.txt: what `make install-gateway` installs, by SHA-256 and without addresses.

Resolved as pip does on a Raspberry Pi and on a PC, with the pins of constraints.txt and from wheels alone. Whoever
answers for the package index then cannot give a gateway anything else than what was tested. What flashes boards is not
among it: esptool comes as source alone.

    python -m tools.check.hashes
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from pathlib import Path

from tools.check.wheels import PIP, PLATFORMS, PYTHONS
from tools.checkout import ROOT

TARGET = ROOT / "gateway" / "requirements.txt"
EXTRAS = ("dashboard", "serial")  # as `make install-gateway` has them
MACHINES = {
    "aarch64": PLATFORMS,
    "x86_64": tuple(each.replace("aarch64", "x86_64") for each in PLATFORMS),
}
HEAD = "# What a gateway needs, each wheel by its SHA-256. Made by `make gateway-hashes`, never by hand.\n"
Hashes = dict[tuple[str, str], set[str]]  # of each package by name and version


def main() -> int:
    """Resolve for every Python and machine, and write the file."""
    found: dict[str, Hashes] = {}  # by Python
    for python in PYTHONS:
        found[python] = defaultdict(set)
        for machine, platforms in MACHINES.items():
            for name, version, digest in resolved(python, platforms):
                found[python][name, version].add(digest)
            print(f"Python {python}, {machine}: {len(found[python])} packages", flush=True)
    TARGET.write_text(text(found))
    print(f"{TARGET}: {len(TARGET.read_text().splitlines())} lines")
    return 0


def resolved(python: str, platforms: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """Name, version and SHA-256 of every wheel that pip would install."""
    options = ["--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    options += [word for abi in (f"cp{python.replace('.', '')}", "abi3", "none") for word in ("--abi", abi)]
    options += [word for platform in platforms for word in ("--platform", platform)]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options += ["--target", folder, "--dry-run", "--ignore-installed", "--report", str(report)]
        command = [*PIP, "install", *options, "--constraint", str(ROOT / "constraints.txt"), *needed()]
        subprocess.run(command, check=True)
        told = json.loads(report.read_text())["install"]
    return [
        (each["metadata"]["name"].lower(), each["metadata"]["version"], _digest(each)) for each in told
    ]  # fmt: skip


def needed() -> list[str]:
    """The requirements of a gateway and of its extras, as pyproject.toml has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    return [*project["dependencies"], *(each for name in EXTRAS for each in extras[name] if "reedmesh[" not in each)]


def text(found: dict[str, Hashes]) -> str:
    """The file's text; what not every Python needs is marked."""
    lines = [HEAD]
    for package in sorted({each for hashes in found.values() for each in hashes}):
        pythons = [python for python in found if package in found[python]]
        marked = " or ".join(f'python_version == "{each}"' for each in pythons)
        marker = "" if len(pythons) == len(found) else f" ; {marked}"
        digests = sorted(set().union(*(found[python][package] for python in pythons)))
        lines += [f"{package[0]}=={package[1]}{marker} \\\n"]
        lines += [f"    --hash=sha256:{each}{' ' + chr(92) if each != digests[-1] else ''}\n" for each in digests]
    return "".join(lines)


def _digest(each: dict[str, dict[str, dict[str, dict[str, str]]]]) -> str:
    return each["download_info"]["archive_info"]["hashes"]["sha256"]


if __name__ == "__main__":
    sys.exit(main())
