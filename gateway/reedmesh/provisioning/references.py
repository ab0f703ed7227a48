"""What names mean across the firmware's files: which module they are of, who asks for them, what texts say."""

import ast
import re
from collections.abc import Iterable, Iterator


def module(path: str) -> str:
    """Its name, as it is imported."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def foreign(path: str, tree: ast.Module, modules: set[str]) -> Iterator[tuple[str, str]]:
    """Names of other files that this one asks for, as module and name."""
    names, others = imported(path, tree, modules)
    yield from names.values()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in others:
            yield others[node.value.id], node.attr


def imported(path: str, tree: ast.Module, modules: set[str]) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """What names of this file stand for: a name of a module, or a module."""
    names: dict[str, tuple[str, str]] = {}
    others: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            home = module(path).rpartition(".")[0] if node.level else ""
            source = ".".join(part for part in (home, node.module or "") if part)
            for each in node.names:
                whole = f"{source}.{each.name}"
                if whole in modules:
                    others[each.asname or each.name] = whole
                else:
                    names[each.asname or each.name] = (source, each.name)
        elif isinstance(node, ast.Import):
            others |= {each.asname or each.name: each.name for each in node.names if each.name in modules}
    return names, others


def spoken(trees: Iterable[ast.Module]) -> set[str]:
    """Words of all texts but those that say what a file, a class or a function is."""
    found: set[str] = set()
    for tree in trees:
        told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
                found.update(re.findall(r"\w+", node.value))
    return found
