"""Shorter names in compiled firmware: MicroPython keeps the text of each name in its heap, and of each argument's.

Renamed is only what nobody else can mean: attributes that are private and always asked of `self`, arguments that no
call names, and numbers that only their own file uses, which become constants of which nothing is left. Functions keep
their names, for tracebacks.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import count, product
from string import ascii_lowercase

SMALL = 1 << 30  # larger ones are objects on a board
Edit = tuple[int, int, int, bytes]  # line, from 1; first byte and end in it; what comes there instead
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def shortened(texts: Mapping[str, str]) -> dict[str, str]:
    """The same program with shorter names: all its files, text by path."""
    trees = {path: ast.parse(text) for path, text in texts.items()}
    attributes, keywords = _attributes(trees), _keywords(trees)
    words = {path: _words([tree]) for path, tree in trees.items()}
    files = Counter(word for found in words.values() for word in found)  # in how many files each word stands
    edits: dict[str, list[Edit]] = {}
    for path, tree in trees.items():
        others = {word for word, count in files.items() if count > (word in words[path])}
        edits[path] = [*_constants(tree, others), *_private(tree, attributes), *_arguments(tree, keywords)]
    return {path: _edited(text, edits[path]) for path, text in texts.items()}


def _constants(tree: ast.Module, others: set[str]) -> Iterator[Edit]:
    """NAME = 5 -> _NAME = const(5), which the compiler puts where it is used."""
    values = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _is_number(node.value)
    }
    for name, value in values.items():
        uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == name]
        if name.isupper() and name not in others and all(use.lineno >= value.lineno for use in uses):
            if isinstance(value, ast.Constant):
                yield value.lineno, value.col_offset, value.end_col_offset or 0, f"const({value.value!s})".encode()
            for use in uses:
                yield use.lineno, use.col_offset, use.end_col_offset or 0, b"_" + name.lstrip("_").encode()


def _is_number(value: ast.expr) -> bool:
    """Whether it is a whole number, or one that is a constant already."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id == "const"
    return isinstance(value, ast.Constant) and type(value.value) is int and value.value < SMALL


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


def _fresh(taken: set[str]) -> Iterator[str]:
    """_a, _b ... _z, _aa ... but for those that are taken."""
    for length in count(1):
        for letters in product(ascii_lowercase, repeat=length):
            name = "_" + "".join(letters)
            if name not in taken:
                yield name


def _edited(text: str, edits: Iterable[Edit]) -> str:
    lines = text.encode().splitlines(keepends=True)
    for line, start, end, new in sorted(edits, reverse=True):
        lines[line - 1] = lines[line - 1][:start] + new + lines[line - 1][end:]
    return b"".join(lines).decode()
