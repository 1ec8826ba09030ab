"""What becomes of a value: whether anything ever reads it, or it is thrown away."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from ...program.program import Program
from ...program.vocabulary import COPYING
from ...source.parse import Site
from .liveness import Scope

# The place of a value in the tuple it is part of, outermost first.
Path = tuple[int, ...]
_MAX_DEPTH = 12


class Loss(Enum):
    """How a value gets lost."""

    STATEMENT = "statement"  # the call that computes it stands alone
    UNREAD = "unread"  # its variable is never read
    OVERWRITTEN = "overwritten"  # its variable is assigned anew first
    LEFT = "left"  # another part of the tuple is taken


@dataclass(frozen=True, slots=True)
class Waste:
    """A value is thrown away at `site`: in the function that computes it, or in one that it is returned to.

    `name` is the variable that it is lost in, `target` where that is assigned, `by` a statement that assigns it anew
    before any read. `returned`: it was handed to a caller in sight first.
    """

    site: Site
    how: Loss
    name: str | None = None
    target: ast.AST | None = None
    by: ast.stmt | None = None
    path: Path = ()
    returned: ast.AST | None = None

    @property
    def deliberate(self) -> bool:
        """By its name, nobody wants it."""
        return self.name is not None and self.name.startswith("_")


class Fates:
    """Follows values from where they are computed: through variables and tuples, and back to callers in sight.

    A value that is stored in an object, captured by a function, or handed to any call counts as read.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._scopes: dict[ast.AST, Scope] = {}

    def wastes(self, site: Site, path: Path = ()) -> tuple[Waste, ...]:
        """Every place where the value computed at `site` gets lost; none where anything may read it.

        `path` says which part of a tuple is meant: (0,) is its first member.
        """
        found: list[Waste] = []
        return tuple(found) if self._lost(site, path, found, frozenset(), 0) else ()

    def thrown_away(self, site: Site, path: Path = ()) -> Waste | None:
        """The first place where the value gets lost; None where anything may read it."""
        return next(iter(self.wastes(site, path)), None)

    def scope(self, function: ast.AST) -> Scope:
        if function not in self._scopes:
            self._scopes[function] = Scope(function)
        return self._scopes[function]

    def _lost(self, site: Site, path: Path, found: list[Waste], seen: frozenset[ast.AST], depth: int) -> bool:
        """No part of the program reads the value of the expression at `site`."""
        if depth > _MAX_DEPTH or site.node in seen or isinstance(site.function, (ast.Lambda, ast.ClassDef)):
            return site.node in seen
        scope, seen = self.scope(site.function), seen | {site.node}
        node: ast.AST = site.node
        if node not in scope.parents:
            return False
        while True:
            parent = scope.parents.get(node)
            if isinstance(parent, ast.Await) or (isinstance(parent, ast.IfExp) and node is not parent.test):
                node = parent
            elif _copied(scope, node, parent) and not path:
                node = scope.parents[parent]  # type: ignore[index]
            elif self._hands_on(parent, node):
                node = parent  # type: ignore[assignment]
            elif isinstance(parent, ast.keyword) and not path and _is_copy(scope.parents.get(parent)):
                node = scope.parents[parent]
            elif isinstance(parent, (ast.Tuple, ast.List)) and not any(isinstance(e, ast.Starred) for e in parent.elts):
                path, node = (parent.elts.index(node), *path), parent  # type: ignore[arg-type]
            elif isinstance(parent, ast.Subscript) and node is parent.value and path:
                index = parent.slice
                if not (isinstance(index, ast.Constant) and isinstance(index.value, int) and index.value >= 0):
                    return False
                if index.value != path[0]:
                    found.append(Waste(site, Loss.LEFT, path=path))
                    return True
                path, node = path[1:], parent
            else:
                break
        if isinstance(parent, ast.Expr):
            found.append(Waste(site, Loss.STATEMENT, path=path))
            return True
        if isinstance(parent, ast.Assign):
            return all(self._unread(site, target, path, found, seen, depth) for target in parent.targets)
        if isinstance(parent, ast.AnnAssign):
            return self._unread(site, parent.target, path, found, seen, depth)
        if isinstance(parent, ast.Return):
            return self._returned(site.function, path, found, seen, depth)
        return False

    def _hands_on(self, call: ast.AST | None, node: ast.AST) -> bool:
        if not isinstance(call, ast.Call) or any(isinstance(one, ast.Starred) for one in call.args):
            return False
        place = self._program.handed_on(call)
        return place is not None and place < len(call.args) and call.args[place] is node

    def _unread(self, site: Site, target: ast.expr, path: Path, found: list[Waste], seen: frozenset[ast.AST], depth: int) -> bool:
        """What is assigned to `target` is never read."""
        if isinstance(target, (ast.Tuple, ast.List)):
            if not path or path[0] >= len(target.elts) or any(isinstance(e, ast.Starred) for e in target.elts):
                return False
            return self._unread(site, target.elts[path[0]], path[1:], found, seen, depth)
        scope = self.scope(site.function)
        if not isinstance(target, ast.Name) or target.id not in scope.own:
            return False
        reads = scope.reads(site.statement, target.id)
        if reads.captured:
            return False
        if not reads.names:
            by = reads.by[0] if reads.by else None
            how = Loss.OVERWRITTEN if by is not None and by is not site.statement else Loss.UNREAD
            found.append(Waste(site, how, target.id, target, by, path))
            return True
        return all(
            self._lost(Site(read, scope.statement_of[read], site.function), path, found, seen, depth + 1) for read in reads.names
        )

    def _returned(self, function: ast.AST, path: Path, found: list[Waste], seen: frozenset[ast.AST], depth: int) -> bool:
        """Every caller is in sight, and throws it away."""
        calls = list(self._program.calls_of(function))
        if not calls:
            return False
        for call in calls:
            lost: list[Waste] = []
            if not self._lost(call, path, lost, seen, depth + 1):
                return False
            found.extend(one if one.returned else replace(one, returned=function) for one in lost)
        return True


def _copied(scope: Scope, node: ast.AST, parent: ast.AST | None) -> bool:
    """It is asked for a copy of itself with some fields changed: the value goes on in that."""
    if not isinstance(parent, ast.Attribute) or parent.attr not in COPYING or node is not parent.value:
        return False
    return _is_copy(scope.parents.get(parent))


def _is_copy(node: ast.AST | None) -> bool:
    """A call that returns its object with the fields changed that it is given."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in COPYING


def targets(site: Site) -> Iterator[ast.expr]:
    """What the statement assigns the value to, where the value at `site` is the whole of what it assigns."""
    statement = site.statement
    if isinstance(statement, ast.Assign) and statement.value is site.node:
        yield from statement.targets
    elif isinstance(statement, ast.AnnAssign) and statement.value is site.node:
        yield statement.target
