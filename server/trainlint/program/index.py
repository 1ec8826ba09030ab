"""What the text of each function and loop holds, gathered in one pass over a tree."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ..source.nodes import FIELDS, walk
from .frameworks.table import FUNCTIONAL, LOOK_ALIKES, ON_TORCH, ORIGINAL, PACKAGES
from .vocabulary import MODE_METHODS, TRAINING_METHODS

UNCALLED = "statement that names a training method"

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef

_PARAMETER_USES = frozenset({"zero_grad", "parameters", "grad", "param_groups", "step"})
_SUITES = frozenset({"body", "orelse", "finalbody"})


class Signature(NamedTuple):
    """The parameters of a function: those that may be given by position, those that may not, and what they are by default."""

    positional: tuple[ast.arg, ...]
    named: tuple[ast.arg, ...]
    defaults: dict[str, ast.expr]

    @classmethod
    def of(cls, names: ast.arguments) -> Signature:
        positional = (*names.posonlyargs, *names.args)
        defaults = dict(zip(reversed([argument.arg for argument in positional]), reversed(names.defaults), strict=False))
        named = zip(names.kwonlyargs, names.kw_defaults, strict=True)
        defaults |= {argument.arg: default for argument, default in named if default}
        return cls(positional, tuple(names.kwonlyargs), defaults)


@dataclass(slots=True, eq=False)
class Contents:
    """A function, or the module, with the functions nested in it.

    `words`: names and attributes. `tested`: names that some condition looks at. `built`: assignments of a call's result to
    an attribute, by the name of the object and the attribute, the first of each. `size`: how many statements it is,
    a lambda counting as one. The rest is of its own body alone; `signature` is there once somebody asked for it.
    """

    words: set[str] = field(default_factory=set)
    tested: set[str] = field(default_factory=set)
    built: dict[tuple[str, str], ast.Assign] = field(default_factory=dict)
    size: int = 0
    yields: bool = False
    global_names: set[str] = field(default_factory=set)
    nonlocal_names: set[str] = field(default_factory=set)
    signature: Signature | None = None


@dataclass(slots=True, eq=False)
class LoopContents:
    """A `for` or `while` loop with the loops nested in it.

    `counted`: its own statements that advance an integer by a constant. `handled`: `(name, attribute)` where the attribute is one
    that parameters, models and optimizers have.
    """

    counted: list[ast.AugAssign] = field(default_factory=list)
    handled: set[tuple[str, str]] = field(default_factory=set)


class Index:
    """The contents of the functions and loops of the trees added to it, and their imports.

    `functional`: what was added trains by values, so that nothing that is not kept has an effect.
    `wrapped`: for each variable or attribute that is assigned what a call returns, the names that this call was given.
    """

    def __init__(self) -> None:
        self.functions: dict[ast.AST, Contents] = {}
        self.loops: dict[ast.AST, LoopContents] = {}
        self.statements = self._lambdas = 0
        self.imports: list[ast.Import | ast.ImportFrom] = []
        self.look_alikes = False
        self.functional = False
        self.packages: set[str] = set()
        self.wrapped: dict[str, set[str]] = {}
        self._own = False
        self._alike: set[str] = set()
        self._aside: set[str] = set()
        self._depth = 0
        self._open = Contents()
        self._loops: list[LoopContents] = []
        self._outside = 0

    def add(self, tree: ast.Module) -> None:
        self.functions[tree] = self._open = Contents()
        self._children(tree)
        alike = self._alike - ON_TORCH if self._own else self._alike
        aside = frozenset() if self._own else self._aside - (ON_TORCH if ORIGINAL in self.packages else frozenset())
        self.look_alikes = self.look_alikes or bool(alike | aside)

    @property
    def foreign(self) -> bool:
        """It trains with a library that no table knows, and imports none that one knows."""
        return PACKAGES.isdisjoint(self.packages) and not LOOK_ALIKES.isdisjoint(self.packages)

    def include(self, other: Index) -> None:
        """Add what another index holds of other trees; what it says of a whole file stays apart."""
        self.functions.update(other.functions)
        self.loops.update(other.loops)

    def _visit(self, node: ast.AST) -> None:
        _SPECIAL.get(node.__class__, Index._children)(self, node)

    def _children(self, node: ast.AST) -> None:
        special, otherwise = _SPECIAL.get, Index._children
        for name, suite in _CHILDREN[node.__class__]:
            child = getattr(node, name)
            if child.__class__ is list:
                if suite:
                    self.statements += len(child)
                for one in child:
                    if one is not None:
                        special(one.__class__, otherwise)(self, one)
            elif child is not None:
                special(child.__class__, otherwise)(self, child)

    def _name(self, node: ast.Name) -> None:
        self._open.words.add(node.id)

    def _constant(self, node: ast.Constant) -> None:
        pass

    def _attribute(self, node: ast.Attribute) -> None:
        self._open.words.add(node.attr)
        if self._loops and node.attr in _PARAMETER_USES and isinstance(node.value, ast.Name):
            self._loops[-1].handled.add((node.value.id, node.attr))
        self._visit(node.value)

    def _expression(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Attribute) and node.value.attr in TRAINING_METHODS | MODE_METHODS:
            self._open.words.add(UNCALLED)
        self._visit(node.value)

    def _function(self, node: FunctionNode | ast.Lambda) -> None:
        outer, outside = self._open, self._outside
        self.functions[node] = self._open = inner = Contents()
        self._outside = len(self._loops)
        self._depth += 1
        before = self.statements + self._lambdas
        self._children(node)
        inner.size = self.statements + self._lambdas - before + 1
        self._lambdas += isinstance(node, ast.Lambda)
        self._depth -= 1
        self._open, self._outside = outer, outside
        outer.words |= inner.words
        outer.tested |= inner.tested
        for key, assignment in inner.built.items():
            outer.built.setdefault(key, assignment)

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While) -> None:
        if isinstance(node, ast.While):
            self._open.tested |= names_in(node.test)
            self._visit(node.test)
        else:
            self._visit(node.target)
            self._visit(node.iter)
        contents = self.loops[node] = LoopContents()
        self._loops.append(contents)
        self._suite(node.body)
        self._suite(node.orelse)
        self._loops.pop()
        if self._loops:
            self._loops[-1].handled |= contents.handled
        if len(self._loops) > self._outside:
            self._loops[-1].counted += contents.counted

    def _suite(self, suite: list[ast.stmt]) -> None:
        self.statements += len(suite)
        for statement in suite:
            self._visit(statement)

    def _test(self, node: ast.If | ast.IfExp) -> None:
        self._open.tested |= names_in(node.test)
        self._children(node)

    def _assign(self, node: ast.Assign) -> None:
        target, *more = node.targets
        if (
            isinstance(target, ast.Attribute)
            and isinstance(target.value, ast.Name)
            and not more
            and isinstance(node.value, ast.Call)
        ):
            self._open.built.setdefault((target.value.id, target.attr), node)
        if isinstance(node.value, ast.Call) and isinstance(target, (ast.Name, ast.Attribute)):
            given = set(_names_given(node.value))
            if given:
                self.wrapped.setdefault(target.id if isinstance(target, ast.Name) else target.attr, set()).update(given)
        self._children(node)

    def _augmented(self, node: ast.AugAssign) -> None:
        if (
            len(self._loops) > self._outside
            and isinstance(node.op, (ast.Add, ast.Sub))
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, int)
            and isinstance(node.target, (ast.Name, ast.Attribute))
        ):
            self._loops[-1].counted.append(node)
        self._children(node)

    def _yield(self, node: ast.Yield | ast.YieldFrom) -> None:
        self._open.yields = True
        self._children(node)

    def _global(self, node: ast.Global) -> None:
        self._open.global_names.update(node.names)

    def _nonlocal(self, node: ast.Nonlocal) -> None:
        self._open.nonlocal_names.update(node.names)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            modules = [node.module or ""] if not node.level else []
        self.imports.append(node)
        roots = {module.partition(".")[0] for module in modules}
        self.packages |= roots
        self.functional = self.functional or not FUNCTIONAL.isdisjoint(roots)
        if not self._depth:
            self._own = self._own or ORIGINAL in roots
            self._alike |= LOOK_ALIKES & roots
        self._aside |= LOOK_ALIKES & roots


def names_in(node: ast.AST) -> set[str]:
    """The names below an expression."""
    return {part.id for part in walk(node) if isinstance(part, ast.Name)}


# The fields of each kind of node that hold nodes, and whether they are suites of statements.
_CHILDREN: dict[type, tuple[tuple[str, bool], ...]] = {
    kind: tuple((name, name in _SUITES and not issubclass(kind, ast.expr)) for name in fields) for kind, fields in FIELDS.items()
}

_SPECIAL: dict[type, Callable[..., None]] = {
    ast.Name: Index._name,
    ast.Constant: Index._constant,
    ast.Attribute: Index._attribute,
    ast.Expr: Index._expression,
    ast.FunctionDef: Index._function,
    ast.AsyncFunctionDef: Index._function,
    ast.Lambda: Index._function,
    ast.For: Index._loop,
    ast.AsyncFor: Index._loop,
    ast.While: Index._loop,
    ast.If: Index._test,
    ast.IfExp: Index._test,
    ast.Assign: Index._assign,
    ast.AugAssign: Index._augmented,
    ast.Yield: Index._yield,
    ast.YieldFrom: Index._yield,
    ast.Global: Index._global,
    ast.Nonlocal: Index._nonlocal,
    ast.Import: Index._import,
    ast.ImportFrom: Index._import,
}


def _names_given(call: ast.Call) -> Iterator[str]:
    """The names and attributes that a call is given, or a call in its arguments."""
    for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
        if isinstance(argument, ast.Name):
            yield argument.id
        elif isinstance(argument, ast.Attribute):
            yield argument.attr
        elif isinstance(argument, ast.Call):
            yield from _names_given(argument)
