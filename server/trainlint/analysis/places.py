"""Which file a place lies in, and through which call of the checked file the program gets there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ..program import effects as fx
from ..program.program import Program
from ..source.parse import Site
from ..source.workspace import Parsed

Place = ast.AST | Site
"""A piece of the code, or what happens there in one run of it: the call that led there is known then."""


@dataclass(frozen=True, slots=True)
class Way:
    """`call` stands in the checked file and leads to a place through `files`."""

    call: ast.AST
    files: tuple[Parsed, ...]


class Places:
    """The places of one program."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._nodes: list[tuple[Parsed, set[int]]] | None = None

    def home(self, place: Place) -> Parsed | None:
        """The other file that `place` lies in; None for the checked file itself."""
        if not self._program.files:
            return None
        node = node_of(place)
        return self._file_of(node) or (self._file_of(self._functions[id(node)]) if id(node) in self._functions else None)

    def way_to(self, place: Place) -> Way | None:
        """How control gets from the checked file to a place in another one; None where no call leads there."""
        for calls in self._calls_to(place):
            for index in reversed(range(len(calls))):
                if self.home(calls[index]) is None:
                    homes = [self.home(call) for call in calls[index + 1 :]] + [self.home(place)]
                    return Way(calls[index], tuple(dict.fromkeys(home for home in homes if home is not None)))
        return self._way_up(place) if isinstance(place, Site) else None

    def _way_up(self, place: Site) -> Way | None:
        """The same for what is computed, by the calls of the functions around it."""
        files: dict[Parsed, None] = {}
        seen: set[ast.AST] = set()
        while (home := self.home(place)) is not None:
            files[home] = None
            calls = [] if place.function in seen else self._program.calls_of(place.function)
            if not calls:
                return None
            seen.add(place.function)
            place = next((call for call in calls if self.home(call) is None), calls[0])
        return Way(place.node, tuple(files))

    def calls_to(self, site: Site) -> tuple[ast.AST, ...]:
        """The calls through which control gets to a place, outermost first."""
        return next(self._calls_to(site), ())

    def site_of(self, node: ast.AST) -> Site | None:
        """The statement and the function around a node."""
        home = self.home(node)
        return _site_in(home.tree if home is not None else self._program.tree, node)

    def _file_of(self, node: ast.AST) -> Parsed | None:
        if self._nodes is None:
            self._nodes = [(parsed, _nodes_of(parsed)) for parsed in self._program.files]
        return next((parsed for parsed, nodes in self._nodes if id(node) in nodes), None)

    @cached_property
    def _functions(self) -> dict[int, ast.AST]:
        """The function around each node that has an effect: also around those that lowering made up."""
        found: dict[int, ast.AST] = {}
        for entry in self._program.entries:
            for region, _ in _regions(entry.body, ()):
                if isinstance(region, fx.Effect):
                    found[id(region.site.node)] = region.site.function
        return found

    def _calls_to(self, place: Place) -> Iterator[tuple[ast.AST, ...]]:
        if isinstance(place, Site) and place.whole is not None:
            place = place.whole
        for entry in self._program.entries:
            for region, calls in _regions(entry.body, ()):
                if isinstance(region, fx.Effect):
                    if region.site is place or region.site.node is place:
                        yield calls
                    elif isinstance(region, fx.Forward) and isinstance(place, Site) and self._passes(region, place):
                        yield (*calls, region.site.node)
                elif isinstance(region, fx.Loop) and region.node is place:
                    yield calls

    def _passes(self, forward: fx.Forward, place: Site) -> bool:
        """The forward pass that runs here is the function that `place` lies in."""
        machine, operation = self._program.machine, forward.operation
        module = operation.callee if operation is not None else None
        entered = machine.forwards.get(module) if machine is not None and module is not None else None
        return entered is not None and entered[0].node is place.function


def _site_in(tree: ast.Module, wanted: ast.AST) -> Site | None:
    waiting: list[tuple[ast.AST, ast.stmt | None, ast.AST]] = [(tree, None, tree)]
    while waiting:
        node, statement, function = waiting.pop()
        if isinstance(node, ast.stmt):
            statement = node
        if node is wanted:
            return Site(node, statement, function) if statement is not None else None
        inner = node if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else function
        waiting += [(child, statement, inner) for child in ast.iter_child_nodes(node)]
    return None


def node_of(place: Place) -> ast.AST:
    return place.node if isinstance(place, Site) else place


def _regions(region: fx.Region, calls: tuple[ast.AST, ...]) -> Iterator[tuple[fx.Region, tuple[ast.AST, ...]]]:
    """Every loop and effect below `region`, with the calls it was inlined through, outermost first."""
    if isinstance(region, fx.Effect):
        yield region, calls
        return
    if isinstance(region, fx.Loop):
        yield region, calls
    if isinstance(region, fx.Call):
        calls = (*calls, region.node)
    for part in _parts(region):
        yield from _regions(part, calls)


def _parts(region: fx.Region) -> list[fx.Region]:
    if isinstance(region, fx.Block):
        return region.items
    if isinstance(region, (fx.Loop, fx.Branch)):
        return [region.body, region.orelse]
    if isinstance(region, fx.Try):
        return [region.body, *region.handlers, region.orelse, region.final]
    return [region.body] if isinstance(region, fx.Call) else []


def _nodes_of(parsed: Parsed) -> set[int]:
    """The identities of all nodes of a file, found once for all checks that share its tree."""
    found: set[int] | None = parsed.derived.get("nodes")
    if found is None:
        found = parsed.derived["nodes"] = {id(node) for node in ast.walk(parsed.tree)}
    return found
