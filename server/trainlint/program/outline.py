"""A file as its importers see it: what its top level binds, and where, found without running anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from ..source.parse import word_filter
from ..source.workspace import Parsed
from .frameworks.table import TRAINING_WORDS
from .index import FunctionNode, Index
from .relevance import relevant_functions, users_of

_TRAINING = word_filter(TRAINING_WORDS)
_KEY = "outline"


@dataclass(slots=True, eq=False)
class Outline:
    """`bindings` are the places in the body whose statements bind or change a name; `stars` those of star imports.

    `exported` is what ``__all__`` says, where it says it in literals. `trains`: the top level itself may train.
    """

    tree: ast.Module
    bindings: dict[str, list[int]] = field(default_factory=dict)
    stars: list[ast.ImportFrom] = field(default_factory=list)
    exported: frozenset[str] | None = None
    trains: bool = False
    index: Index = field(default_factory=Index)
    relevant: dict[FunctionNode, None] = field(default_factory=dict)

    def exports(self, name: str) -> bool:
        """Whether a star import of this file binds `name`, if the file has it."""
        return name in self.exported if self.exported is not None else not name.startswith("_")

    @property
    def training_names(self) -> set[str]:
        """Functions and classes of the top level in which training happens."""
        names: set[str] = set()
        for statement in self.tree.body:
            if (isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and statement in self.relevant) or (
                isinstance(statement, ast.ClassDef) and any(node in self.relevant for node in statement.body)
            ):
                names.add(statement.name)
        return names


def outline_of(parsed: Parsed) -> Outline:
    """The outline of a file, computed once."""
    if _KEY not in parsed.derived:
        parsed.derived[_KEY] = _outline(parsed)
    found: Outline = parsed.derived[_KEY]
    return found


@lru_cache(maxsize=1024)
def has_training_words(text: str) -> bool:
    return _TRAINING.search(text)


def _outline(parsed: Parsed) -> Outline:
    outline = Outline(parsed.tree)
    training = has_training_words(parsed.document.text)
    for index, statement in enumerate(parsed.tree.body):
        for name in dict.fromkeys(_bound(statement)):
            outline.bindings.setdefault(name, []).append(index)
        if training and not outline.trains:
            outline.trains = any(_is_training(node) for node in _outside_definitions(statement))
    outline.stars = [
        node
        for statement in parsed.tree.body
        for node in _outside_definitions(statement)
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    ]
    outline.exported = _exported(parsed.tree)
    outline.index.add(parsed.tree)
    if training or ".grad" in parsed.document.text:
        outline.relevant = relevant_functions(outline.index, users_of(outline.index))
    return outline


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement of the top level binds, or whose object it changes."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield statement.name
        return
    for node in _outside_definitions(statement):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            yield node.id
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                yield alias.asname or alias.name.partition(".")[0]
        elif isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
            yield from _root(node.value)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            yield from _root(node.value.func.value)


def _root(node: ast.expr) -> Iterator[str]:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _outside_definitions(statement: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a statement, without those inside the functions and classes that it defines."""
    yield statement
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
        return
    for child in ast.iter_child_nodes(statement):
        yield from _outside_definitions(child)


def _is_training(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr in TRAINING_WORDS
    return isinstance(node, ast.Name) and node.id in TRAINING_WORDS


def _exported(tree: ast.Module) -> frozenset[str] | None:
    """What ``__all__`` lists; None where it lists nothing, or not only literals."""
    names: set[str] = set()
    told = False
    for statement in tree.body:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        if not isinstance(target, ast.Name) or target.id != "__all__":
            continue
        value = getattr(statement, "value", None)
        if not isinstance(value, (ast.List, ast.Tuple)):
            return None
        if not all(isinstance(item, ast.Constant) and isinstance(item.value, str) for item in value.elts):
            return None
        told = True
        names |= {item.value for item in value.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)}
    return frozenset(names) if told else None
