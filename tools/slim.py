"""Firmware as a board gets it: of files shared with the gateway, what only a gateway calls stays behind.

Names are compared, not meanings: whatever the firmware mentions anywhere, be it in a text, is kept.
"""

import ast
import re
from collections.abc import Iterable, Mapping

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def slimmed(sources: Mapping[str, str], shared: Iterable[str]) -> dict[str, str]:
    """The firmware's files, text by path, without the functions, classes and methods of `shared` that none mentions."""
    texts = dict(sources)
    while True:
        trees = {path: ast.parse(text) for path, text in texts.items()}
        unused = _defined(trees[path] for path in shared) - _mentioned(trees.values())
        if not unused:
            return texts
        for path in shared:
            texts[path] = _without(unused, texts[path], trees[path])


def _without(names: set[str], text: str, tree: ast.AST) -> str:
    """Lines are cut, not written anew: `a, b = (1, 2)` means the same as without parentheses, but makes a tuple."""
    lines = text.splitlines(keepends=True)
    for node in ast.walk(tree):
        if isinstance(node, _Definition) and node.name in names:
            first = min([node, *node.decorator_list], key=lambda each: each.lineno)
            lines[first.lineno - 1 : node.end_lineno] = [""] * (1 + (node.end_lineno or 0) - first.lineno)
    return "".join(lines)


def _defined(trees: Iterable[ast.AST]) -> set[str]:
    """Names of functions, classes and methods, but for those that Python itself calls."""
    found = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, _Definition)}
    return {name for name in found if not name.startswith("__")}


def _mentioned(trees: Iterable[ast.AST]) -> set[str]:
    """Every name that is used, asked of an object or written in a text."""
    found: set[str] = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.alias):
                found.add(node.name)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.update(re.findall(r"\w+", node.value))
    return found
