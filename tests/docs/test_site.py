"""The site is made, and no link in it leads nowhere; the reference has every command, setting and request."""

import subprocess
import sys

from reedmesh.commands.parser import build, commands_of
from reedmesh.service.requests.verbs import VERBS
from tests.support.paths import ROOT
from tests.support.timeouts import PATIENCE
from tools.docs import reference, site


def test_it_is_built_and_every_link_leads_somewhere() -> None:
    words = [sys.executable, "-m", "tools.docs.site"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert not done.returncode, done.stderr
    assert (site.OUT / "docs" / "tutorial.html").exists() and "no link leads nowhere" in done.stdout


def test_the_reference_is_complete() -> None:
    made = reference.pages()
    for name in commands_of(build()):
        assert f"## reedmesh {name}\n" in made["commands.md"]
    for verb in (*VERBS, *reference.ADDED, *reference.FACTS):
        assert f"| `{verb}` |" in made["requests.md"]
    for key in ("broker.tls_port", "neighbours[].host", "learning.windows"):
        assert f"| `{key}` |" in made["settings.md"]
