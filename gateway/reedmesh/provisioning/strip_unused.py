"""Firmware for a board: without functions that only a gateway calls, and without imports for annotations.

Names are compared, not meanings: whatever the firmware mentions anywhere, be it in a text, is kept. An imported name
keeps the whole module it comes from in memory, and MicroPython looks at no annotation.
"""

import ast
import re
from collections.abc import Iterable, Mapping

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def slimmed(sources: Mapping[str, str], shared: Iterable[str]) -> dict[str, str]:
    """The firmware's files, text by path, without the functions, classes and methods of `shared` that none mentions."""
    texts = dict(sources)
    while True:
        texts = {path: _without_hints(text, ast.parse(text)) for path, text in texts.items()}
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
            _replace(lines, first.lineno, node.end_lineno, "")
    return "".join(lines)


def _without_hints(text: str, tree: ast.Module) -> str:
    lines, used = text.splitlines(keepends=True), _used(tree)
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            names = [each for each in node.names if (each.asname or each.name) in used]
            if len(names) < len(node.names):
                kept = ast.unparse(ast.ImportFrom(node.module, names, node.level)) + "\n" if names else ""
                _replace(lines, node.lineno, node.end_lineno, kept)
    return "".join(lines)


def _used(tree: ast.AST) -> set[str]:
    """Names that are looked up when the program runs, or that its own list of what it exports has."""
    found: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
        hints = {id(getattr(node, field, None)) for field in ("annotation", "returns")}
        waiting += [child for child in ast.iter_child_nodes(node) if id(child) not in hints]
    return found


def _replace(lines: list[str], first: int, last: int | None, by: str) -> None:
    """Put text in the place of lines that are counted from 1; all others keep their numbers."""
    lines[first - 1 : last] = [by] + [""] * ((last or first) - first)


def _defined(trees: Iterable[ast.AST]) -> set[str]:
    """Names of functions, classes and methods, but for those that Python itself calls."""
    found = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, _Definition)}
    return {name for name in found if not name.startswith("__")}


def _mentioned(trees: Iterable[ast.AST]) -> set[str]:
    """Every name that is used, asked of an object or written in a text that is no docstring."""
    found: set[str] = set()
    for tree in trees:
        documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.alias):
                found.add(node.name)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
                found.update(re.findall(r"\w+", node.value))
    return found
