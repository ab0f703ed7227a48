"""Tools and the dashboard use the gateway by its public names only."""

import ast
from pathlib import Path

import pytest

from tests.support.paths import ROOT

FILES = [*(ROOT / "tools").rglob("*.py"), *(ROOT / "gateway/reedmesh/dashboard").rglob("*.py")]


def private_imports(path: Path) -> list[str]:
    """Private names that a file takes from the gateway's packages, by `from ... import` or `module._name`."""
    found, modules = [], set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "reedmesh":
            names = [each.name for each in node.names]
            found += [name for name in names if name.startswith("_") and not name.startswith("__")]
            modules |= {each.asname or each.name for each in node.names}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            found += [node.attr] if node.attr.startswith("_") and not node.attr.startswith("__") else []
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_private_name_of_the_gateway_is_imported(path: Path) -> None:
    assert private_imports(path) == []


def test_the_check_sees_both_ways(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("from reedmesh.store import store\nfrom reedmesh.errors import _a\nstore._open()\n")
    assert private_imports(tmp_path / "x.py") == ["_a", "_open"]
