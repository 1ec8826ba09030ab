"""Which reads of a variable an assignment reaches, in one function or module."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from ...source.nodes import children, walk

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_SCOPES = (*_FUNCTIONS, ast.ClassDef)
# They hand out every variable by its name.
_REFLECTION = frozenset({"locals", "globals", "vars", "eval", "exec"})
# What these assign at their heads, they may not assign.
_MAYBE = (ast.For, ast.AsyncFor, ast.While, ast.If, ast.Match)
_SUITES = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass(slots=True)
class Reads:
    """`names` are the reads that an assignment reaches, `by` the statements that assign the variable anew before any read.

    `captured`: a function of its own may read it at any time.
    """

    names: list[ast.Name] = field(default_factory=list)
    by: list[ast.stmt] = field(default_factory=list)
    captured: bool = False


@dataclass(slots=True)
class _Exits:
    breaks: list[ast.stmt] = field(default_factory=list)
    continues: list[ast.stmt] = field(default_factory=list)


class Scope:
    """The statements of a function or module, which of them may follow which, and the names each reads and assigns."""

    def __init__(self, node: ast.AST) -> None:
        self.node = node
        self.successors: dict[ast.stmt, list[ast.stmt]] = {}
        self.parents: dict[ast.AST, ast.AST] = {}
        self.statement_of: dict[ast.AST, ast.stmt] = {}
        self._read: dict[ast.stmt, list[ast.Name]] = {}
        self._assigned: dict[ast.stmt, frozenset[str]] = {}
        self._suite(getattr(node, "body", []), [], _Exits())
        for statement in self.successors:
            self._look(statement)

    @cached_property
    def own(self) -> frozenset[str]:
        """The variables that belong to it: not those that it declares to belong to others."""
        declared = {
            name for statement in self.successors if isinstance(statement, (ast.Global, ast.Nonlocal)) for name in statement.names
        }
        return frozenset().union(_parameters(self.node), *self._assigned.values()) - declared

    @cached_property
    def _captures(self) -> dict[ast.stmt, frozenset[str]]:
        """The variables that each definition of a function, or a statement with a lambda, reads at a later time."""
        found: dict[ast.stmt, frozenset[str]] = {}
        for statement in self.successors:
            free = frozenset().union(*(free_names(part) for part in self._inner_scopes(statement)))
            if free:
                found[statement] = free
        return found

    @cached_property
    def _loops(self) -> dict[ast.stmt, ast.stmt]:
        """The innermost loop around each statement that is in one."""
        found: dict[ast.stmt, ast.stmt] = {}
        for loop in self.successors:
            if isinstance(loop, (ast.For, ast.AsyncFor, ast.While)):
                for statement in loop.body:
                    for part in walk(statement):
                        if isinstance(part, ast.stmt) and part in self.successors:
                            found[part] = loop if part not in found or _within(loop, found[part]) else found[part]
        return found

    def loop_around(self, statement: ast.stmt) -> ast.stmt | None:
        return self._loops.get(statement)

    def assigned(self, statement: ast.stmt) -> frozenset[str]:
        """The variables that a statement, or one below it, assigns."""
        below = (part for part in walk(statement) if isinstance(part, ast.stmt) and part in self._assigned)
        return frozenset().union(*(self._assigned[part] for part in below))

    def reads(self, statement: ast.stmt, name: str) -> Reads:
        """The reads that the value which `statement` assigns to `name` arrives at."""
        found = Reads()
        if isinstance(self.node, ast.Module) and any(name in free for free in self._captures.values()):
            found.captured = True
            return found
        readers = self._readers(name)
        seen: set[ast.stmt] = set()
        waiting = list(self.successors[statement])
        while waiting:
            at = waiting.pop()
            if at in seen:
                continue
            seen.add(at)
            found.names += [read for read in self._read[at] if read.id == name]
            found.captured |= at in readers or any(read.id in _REFLECTION for read in self._read[at])
            if name in self._assigned[at] and not isinstance(at, _MAYBE):
                found.by.append(at)
            else:
                waiting.extend(self.successors[at])
        return found

    def _readers(self, name: str) -> set[ast.stmt]:
        """Statements that define a function which reads the variable `name`, or mention one."""
        defining = {statement for statement, free in self._captures.items() if name in free}
        if not defining:
            return defining
        functions = {statement.name for statement in defining if isinstance(statement, (*_FUNCTIONS[:2], ast.ClassDef))}
        functions |= {
            target for statement in defining if not isinstance(statement, _SCOPES) for target in self._assigned[statement]
        }
        readers, changed = set(defining), True
        while changed:
            changed = False
            for statement, names in self._read.items():
                if statement not in readers and any(read.id in functions for read in names):
                    readers.add(statement)
                    if not self._calls(statement, functions):
                        functions |= self._assigned[statement]
                    changed = True
        return readers

    def _calls(self, statement: ast.stmt, functions: set[str]) -> bool:
        """It assigns what such a function returned, not such a function."""
        value = getattr(statement, "value", None)
        if not isinstance(value, ast.Call):
            return False
        return isinstance(value.func, ast.Call) or (isinstance(value.func, ast.Name) and value.func.id in functions)

    # What each statement does itself, without the suites below it.

    def _look(self, statement: ast.stmt) -> None:
        read: list[ast.Name] = []
        assigned: set[str] = set()
        waiting: list[ast.AST] = [statement]
        self.statement_of[statement] = statement
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Name):
                if isinstance(node.ctx, ast.Load):
                    read.append(node)
                else:
                    assigned.add(node.id)
            for child in _heads(node) if node is statement else children(node):
                if isinstance(node, ast.Lambda) and child is node.body:
                    continue
                self.parents[child] = node
                self.statement_of[child] = statement
                waiting.append(child)
        if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
            read.append(statement.target)
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            assigned.add(statement.name)
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            assigned |= {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
        if isinstance(statement, ast.Delete):
            assigned -= {name.id for name in walk(statement) if isinstance(name, ast.Name)}
        self._read[statement], self._assigned[statement] = read, frozenset(assigned)

    def _inner_scopes(self, statement: ast.stmt) -> Iterator[ast.AST]:
        if isinstance(statement, _SCOPES):
            yield statement
            return
        for child in _heads(statement):
            for node in walk(child):
                if isinstance(node, ast.Lambda):
                    yield node

    # The order of statements.

    def _suite(self, body: list[ast.stmt], follow: list[ast.stmt], exits: _Exits) -> list[ast.stmt]:
        """Wire up a suite that `follow` comes after; where control enters it."""
        for statement in reversed(body):
            self.successors[statement] = self._after(statement, follow, exits)
            follow = [statement]
        return follow

    def _after(self, node: ast.stmt, follow: list[ast.stmt], exits: _Exits) -> list[ast.stmt]:
        if isinstance(node, (ast.Return, ast.Raise)):
            return []
        if isinstance(node, ast.Break):
            return exits.breaks
        if isinstance(node, ast.Continue):
            return exits.continues
        if isinstance(node, ast.If):
            return [*self._suite(node.body, follow, exits), *self._suite(node.orelse, follow, exits)]
        if isinstance(node, (ast.For, ast.AsyncFor, ast.While)):
            inside = _Exits(follow, [node])
            return [*self._suite(node.body, [node], inside), *self._suite(node.orelse, follow, exits)]
        if isinstance(node, (ast.With, ast.AsyncWith)):
            return self._suite(node.body, follow, exits)
        if isinstance(node, ast.Match):
            return [*(entry for case in node.cases for entry in self._suite(case.body, follow, exits)), *follow]
        if isinstance(node, ast.Try) or node.__class__.__name__ == "TryStar":
            return self._try(node, follow, exits)
        return follow

    def _try(self, node: ast.stmt, follow: list[ast.stmt], exits: _Exits) -> list[ast.stmt]:
        """Control may leave for a handler, or for the end, from anywhere inside."""
        known = len(self.successors)
        end = self._suite(getattr(node, "finalbody", []), follow, exits)
        behind = self._suite(getattr(node, "orelse", []), end, exits)
        handlers = [entry for handler in getattr(node, "handlers", []) for entry in self._suite(handler.body, end, exits)]
        inside = len(self.successors)
        entry = self._suite(getattr(node, "body", []), behind, exits)
        everything = list(self.successors)
        for statement in everything[inside:]:
            self.successors[statement] = [*self.successors[statement], *handlers]
        if getattr(node, "finalbody", []):
            final = {id(part) for last in getattr(node, "finalbody", []) for part in walk(last)}
            for statement in everything[known:]:
                if id(statement) not in final:
                    self.successors[statement] = [*self.successors[statement], *end]
        return [*entry, *handlers]


def _within(inner: ast.AST, outer: ast.AST) -> bool:
    return inner is not outer and any(part is inner for part in walk(outer))


def _heads(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a statement that belong to no suite, and run where it stands."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield from node.decorator_list
        yield from node.args.defaults
        yield from (default for default in node.args.kw_defaults if default is not None)
        return
    if isinstance(node, ast.ClassDef):
        yield from (*node.decorator_list, *node.bases, *node.keywords)
        return
    for name, value in ast.iter_fields(node):
        if name in _SUITES and isinstance(node, ast.stmt):
            if name == "handlers":
                yield from (handler.type for handler in value if handler.type is not None)
            if name == "cases":
                yield from (part for case in value for part in (case.pattern, case.guard) if part is not None)
            continue
        for child in value if isinstance(value, list) else (value,):
            if isinstance(child, ast.AST):
                yield child


def _parameters(node: ast.AST) -> frozenset[str]:
    if not isinstance(node, _FUNCTIONS):
        return frozenset()
    names = node.args
    every = [*names.posonlyargs, *names.args, *names.kwonlyargs, *(one for one in (names.vararg, names.kwarg) if one)]
    return frozenset(argument.arg for argument in every)


def free_names(node: ast.AST) -> frozenset[str]:
    """The names that a function or class reads, or declares, and does not assign itself."""
    read: set[str] = set()
    assigned = set(_parameters(node)) if not isinstance(node, ast.ClassDef) else set()
    declared: set[str] = set()
    waiting: list[ast.AST] = list(_body(node))
    while waiting:
        part = waiting.pop()
        if isinstance(part, _SCOPES):
            read |= free_names(part)
            if not isinstance(part, ast.Lambda):
                assigned.add(part.name)
            waiting.extend(_heads(part) if not isinstance(part, ast.Lambda) else ())
            continue
        if isinstance(part, ast.Name):
            (read if isinstance(part.ctx, ast.Load) else assigned).add(part.id)
        elif isinstance(part, (ast.Global, ast.Nonlocal)):
            declared |= set(part.names)
        waiting.extend(children(part))
    return frozenset((read - assigned) | declared)


def _body(node: ast.AST) -> Iterable[ast.AST]:
    return (node.body,) if isinstance(node, ast.Lambda) else getattr(node, "body", ())
