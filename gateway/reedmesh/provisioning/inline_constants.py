"""Constants in place of their names, across files: MicroPython keeps each name, and each module's table of them.

`from protocol.wire import MAX_PAYLOAD` and `wire.MAX_PAYLOAD` become 131072. The line that set it goes, unless a text
has the word: that may be how somebody asks for it. So do sums and sizes of what is known, and a text that its own file
uses once. `strip_unused.py` then drops imports that are not needed.
"""

import ast
import operator
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from reedmesh.provisioning import references
from reedmesh.provisioning.shorten_names import Edit, edited

Value = int | str | bytes
Constants = dict[tuple[str, str], Value]  # module and name -> value
_SUMS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv,
    ast.LShift: operator.lshift, ast.BitOr: operator.or_,
}  # fmt: skip
SMALL = 1 << 30  # larger ones are objects on a board, which one name stands for better


def inlined(texts: Mapping[str, str]) -> dict[str, str]:
    """The same program; texts are by path."""
    trees = {path: ast.parse(text) for path, text in texts.items()}
    modules = {references.module(path) for path in texts}
    known = {
        (references.module(path), name): value for path, tree in trees.items() for name, value in _numbers(tree).items()
    }
    foreign = {each for path, tree in trees.items() for each in references.foreign(path, tree, modules)}
    known = {key: value for key, value in known.items() if isinstance(value, int) or key not in foreign}
    spoken = references.spoken(trees.values())
    made = {}
    for path, text in texts.items():
        gone = list(_definitions(path, trees[path], known, spoken))
        uses = [use for use in _uses(path, trees[path], modules, known) if not any(_within(use, each) for each in gone)]
        made[path] = edited(text, [*uses, *gone])
    return made


def _within(edit: Edit, other: Edit) -> bool:
    return edit[0] == other[0] and other[1] <= edit[1] <= other[2]


def _numbers(tree: ast.Module) -> dict[str, Value]:
    """Names in capitals that the file sets once, outside of functions: to a whole number, or to a text it uses once."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    stored = Counter(node.id for node in names if not isinstance(node.ctx, ast.Load))
    loaded = Counter(node.id for node in names if isinstance(node.ctx, ast.Load))
    found: dict[str, Value] = {}
    for node in tree.body:
        for name, value in _assigned(node, found):
            if value is not None and name.isupper() and stored[name] == 1:
                found |= {name: value}
    return {name: value for name, value in found.items() if isinstance(value, int) or loaded[name] == 1}


def _assigned(node: ast.stmt, known: Mapping[str, Value]) -> Iterator[tuple[str, Value | None]]:
    """Names and values of A = 1, A = const(1) and A, B = 1, 2."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target, value = node.targets[0], node.value
        if isinstance(target, ast.Name):
            yield target.id, _value(value, known)
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for name, each in zip(target.elts, value.elts, strict=False):
                if isinstance(name, ast.Name):
                    yield name.id, _value(each, known)


def _value(node: ast.expr, known: Mapping[str, Value]) -> Value | None:
    """What an expression comes to; None where that is not known or no constant of a board's."""
    found = _evaluated(node, known)
    return None if isinstance(found, int) and not 0 <= found < SMALL else found


def _evaluated(node: ast.expr, known: Mapping[str, Value]) -> Value | None:
    if isinstance(node, ast.Constant):
        return node.value if type(node.value) in (int, str, bytes) else None  # type: ignore[return-value]
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        argument = _evaluated(node.args[0], known)
        if node.func.id == "calcsize" and isinstance(argument, str):
            return struct.calcsize(argument)
        return argument if node.func.id == "const" else None
    if isinstance(node, ast.BinOp) and type(node.op) in _SUMS:
        left, right = _evaluated(node.left, known), _evaluated(node.right, known)
        return _SUMS[type(node.op)](left, right) if isinstance(left, int) and isinstance(right, int) else None
    return None


def _uses(path: str, tree: ast.Module, modules: set[str], known: Constants) -> Iterator[Edit]:
    """Values in place of where the file asks for them."""
    names, others = references.imported(path, tree, modules)
    names |= {name: (module, name) for module, name in known if module == references.module(path)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
            value = known.get(names[node.id])
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in others:
            value = known.get((others[node.value.id], node.attr))
        else:
            continue
        if value is not None:
            yield node.lineno, node.col_offset, node.end_col_offset or 0, repr(value).encode()


def _definitions(path: str, tree: ast.Module, known: Constants, spoken: set[str]) -> Iterator[Edit]:
    """What sets a value that nobody asks for by name any more; nothing comes in its place."""
    for node in tree.body:
        names = [name for name, _ in _assigned(node, {})]
        gone = names and all((references.module(path), name) in known and name not in spoken for name in names)
        if gone and node.lineno == node.end_lineno:
            yield node.lineno, node.col_offset, node.end_col_offset or 0, b""
