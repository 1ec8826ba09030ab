"""Dropout as a function, which does not know the mode of the module that calls it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ...program.naming import suggests
from ...program.program import Program
from ...program.scope import ClassInfo
from ...program.things import Constant, Operation, Thing
from ...source.nodes import walk
from .modules import Modules

_DROPOUTS = frozenset({"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"})
# Words of those that want dropout at all times, to see how much the answers vary, or to keep a decoder from copying.
_SAMPLING = frozenset(
    {"mc", "monte", "carlo", "montecarlo", "bayes", "bayesian", "uncertainty", "stochastic", "sample", "samples", "prenet"}
)

_MODES = frozenset({"training", "train", "eval", "evaluation", "test", "inference", "sampling"})


@dataclass(frozen=True, slots=True)
class FixedDropout:
    """`operation` drops in every mode: it is not told which one the module `receiver` is in."""

    operation: Operation
    receiver: str

    @property
    def last_argument(self) -> ast.AST | None:
        call = self.operation.site.node
        if not isinstance(call, ast.Call) or any(keyword.arg is None for keyword in call.keywords):
            return None
        return call.keywords[-1].value if call.keywords else call.args[-1] if call.args else None


def fixed_dropouts(program: Program, modules: Modules) -> Iterator[FixedDropout]:
    """Those in the methods of modules of the file, each place once."""
    told: set[ast.AST] = set()
    for info in program.classes:
        methods = [method for one in info.lineage() for method in one.methods.values()]
        words = (word for method in methods for word in program.index.functions[method].words)
        if not modules.is_module(info) or not any("dropout" in word for word in words):
            continue
        summary = program.forward_of(info)
        computed = (*(summary.operations if summary is not None else ()), *program.operations)
        for operation in computed:
            method = operation.site.function
            if operation.site.node in told or method not in methods or not _is_fixed(operation) or _wants_it(info, method):
                continue
            if _asks_for_the_mode(method):
                continue
            told.add(operation.site.node)
            assert isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef))
            if method.args.args:
                yield FixedDropout(operation, method.args.args[0].arg)


def _is_fixed(operation: Operation) -> bool:
    """Nothing says in which mode it works, and there is something to drop: more than the raw input of the module."""
    given = operation.arguments
    if operation.name not in _DROPOUTS or operation.callee is not None or not operation.inputs:
        return False
    if {"training", "train", "2", "**"} & given.keys() or given.get("p", given.get("1")) in (Constant(0), Constant(0.0)):
        return False
    first = operation.inputs[0]
    return not (isinstance(first, Thing) and first.made_by is None)


def _wants_it(info: ClassInfo, method: ast.AST) -> bool:
    return suggests(info.name, _SAMPLING) or suggests(getattr(method, "name", ""), _SAMPLING)


def _asks_for_the_mode(method: ast.AST) -> bool:
    """A condition in it may see to it that nothing is dropped in evaluation."""
    tests = (node.test for node in walk(method) if isinstance(node, (ast.If, ast.IfExp)))
    named = (getattr(part, "attr", getattr(part, "id", "")) for test in tests for part in walk(test))
    return any(suggests(name, _MODES) for name in named)
