"""What a gateway installs is what was tested: the pins of constraints.txt, each file by its digest."""

import re

from tests.support.paths import ROOT
from tools.check import hashes


def test_every_package_is_pinned_as_it_was_tested_and_has_digests_and_no_address() -> None:
    text = hashes.TARGET.read_text()
    assert "://" not in text
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text().lower(), flags=re.M))
    found = re.findall(
        r"^([\w.-]+)==(\S+?)(?: ;[^\\\n]*)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, flags=re.M
    )
    assert len(found) > 50 and len(found) == text.count("==") - text.count("python_version ==")
    normal = {name.replace("_", "-"): version for name, version in pins.items()}
    assert not [name for name, version, _ in found if normal.get(name.replace("_", "-"), version) != version]
    wanted = {re.split(r"[^\w.-]", each.lower())[0].replace("_", "-") for each in hashes.needed()}
    assert wanted <= {name.replace("_", "-") for name, _, _ in found}


def test_what_one_python_alone_needs_is_marked() -> None:
    both, one = ("aiomqtt", "2.5.1"), ("tomli", "2.0")
    text = hashes.text({"3.11": {both: {"aa"}, one: {"bb"}}, "3.13": {both: {"cc"}}})
    assert "aiomqtt==2.5.1 \\\n    --hash=sha256:aa \\\n    --hash=sha256:cc\n" in text
    assert 'tomli==2.0 ; python_version == "3.11" \\\n    --hash=sha256:bb\n' in text
