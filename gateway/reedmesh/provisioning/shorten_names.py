"""Shorter names in compiled firmware: MicroPython keeps the text of each name in its heap, and of each argument's.

Renamed is only what nobody else can mean: attributes that are private and always asked of `self`, arguments that no
call names, and functions that are private to their file. Methods and other functions keep their names, for tracebacks.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import count, product
from string import ascii_lowercase, ascii_uppercase

from reedmesh.provisioning import references

Edit = tuple[int, int, int, bytes]  # line, from 1; first byte and end in it; what comes there instead
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def shortened(texts: Mapping[str, str]) -> dict[str, str]:
    """The same program with shorter names: all its files, text by path."""
    trees = {path: ast.parse(text) for path, text in texts.items()}
    attributes, keywords = _attributes(trees), _keywords(trees)
    modules = {references.module(path) for path in texts}
    asked = {each for path, tree in trees.items() for each in references.foreign(path, tree, modules)}
    meant = references.spoken(trees.values())
    edits: dict[str, list[Edit]] = {}
    for path, tree in trees.items():
        known = meant | {name for module, name in asked if module == references.module(path)}
        edits[path] = [*_private(tree, attributes), *_functions(tree, known), *_arguments(tree, keywords)]
    return {path: edited(text, edits[path]) for path, text in texts.items()}


def _attributes(trees: Mapping[str, ast.Module]) -> dict[str, str]:
    """New names of private attributes; each stands for one, for a class may derive from one of another file."""
    asked: Counter[str] = Counter()
    kept = _words(trees.values(), attributes=False)
    for tree in trees.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                own = isinstance(node.value, ast.Name) and node.value.id == "self"
                asked[node.attr] += 1 if own else 0
                kept |= set() if own else {node.attr}
    private = [name for name, _ in asked.most_common() if re.fullmatch("_[a-z]\\w*", name) and name not in kept]
    return dict(zip(private, _fresh(kept | set(asked)), strict=False))


def _private(tree: ast.Module, names: Mapping[str, str]) -> Iterator[Edit]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in names:
            end = node.end_col_offset or 0
            yield node.end_lineno or 0, end - len(node.attr), end, names[node.attr].encode()


def _functions(tree: ast.Module, meant: set[str]) -> Iterator[Edit]:
    """Functions of the file whose names begin with _, in capitals, which no argument has."""
    made = [node for node in tree.body if isinstance(node, _Function) and re.fullmatch("_[a-z]\\w*", node.name)]
    new = dict(
        zip([each.name for each in made if each.name not in meant], _fresh(set(), ascii_uppercase), strict=False)
    )
    for each in made:
        if each.name in new:
            start = each.col_offset + (10 if isinstance(each, ast.AsyncFunctionDef) else 4)
            yield each.lineno, start, start + len(each.name), new[each.name].encode()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in new:
            yield node.lineno, node.col_offset, node.col_offset + len(node.id), new[node.id].encode()


def _arguments(tree: ast.Module, keywords: set[str]) -> Iterator[Edit]:
    """Arguments without a default, of functions that hold no other function."""
    taken = _words([tree])
    for function in ast.walk(tree):
        if isinstance(function, _Function) and not _holds_another(function):
            plain = function.args.args[: len(function.args.args) - len(function.args.defaults)]
            new = dict(zip([each.arg for each in plain if each.arg not in keywords], _fresh(taken), strict=False))
            for node in ast.walk(function):
                name = node.arg if isinstance(node, ast.arg) else node.id if isinstance(node, ast.Name) else ""
                if name in new and isinstance(node, ast.arg | ast.Name):
                    yield node.lineno, node.col_offset, node.col_offset + len(name), new[name].encode()


def _holds_another(function: ast.AST) -> bool:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    return any(isinstance(node, kinds) for node in ast.walk(function) if node is not function)


def _keywords(trees: Mapping[str, ast.Module]) -> set[str]:
    """Names by which some call gives an argument, and that of every method's object."""
    nodes = (node for tree in trees.values() for node in ast.walk(tree))
    return {"self"} | {node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg}


def _words(trees: Iterable[ast.AST], attributes: bool = True) -> set[str]:
    """All that a file could mean by a name."""
    found: set[str] = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Attribute) and attributes:
            found.add(node.attr)
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.alias | _Function | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.update(re.findall(r"\w+", node.value))
    return found


def _fresh(taken: set[str], alphabet: str = ascii_lowercase) -> Iterator[str]:
    """_a, _b ... _z, _aa ... but for those that are taken."""
    for length in count(1):
        for letters in product(alphabet, repeat=length):
            name = "_" + "".join(letters)
            if name not in taken:
                yield name


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made."""
    lines = text.encode().splitlines(keepends=True)
    for line, start, end, new in sorted(edits, reverse=True):
        lines[line - 1] = lines[line - 1][:start] + new + lines[line - 1][end:]
    return b"".join(lines).decode()
