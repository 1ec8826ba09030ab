"""Programs made to report, while they run, where they are in their loops."""

from __future__ import annotations

import ast

from tests.oracle.hooks import Place

FILENAME = "<program>"
"""What the lines of a program are filed under while it runs."""
ENTER, TURN = "__enter_loop__", "__turn__"
"""The functions that a program calls with the line of a loop: before it, and first thing in each turn."""


_COMPOUND = (ast.For, ast.While, ast.If, ast.Try, ast.With, ast.FunctionDef, ast.ClassDef)


class Compiled:
    """A program ready to run: its loops report every entry and turn, its lines are those of the text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._around: dict[int, tuple[int, ...]] = {}
        self._seen: dict[Place, tuple[int, ...]] = {}
        self._broken: set[int] = set()
        tree = ast.parse(text)
        tree.body = self._mark(tree.body, ())
        self.code = compile(tree, FILENAME, "exec")

    @property
    def broken(self) -> frozenset[int]:
        """The lines of the loops that a `break` may end early."""
        return frozenset(self._broken)

    def loops_around(self, place: Place) -> tuple[int, ...]:
        """The lines of the loops around `place`, outermost first, callers' loops included."""
        if place not in self._seen:
            self._seen[place] = tuple(loop for line in reversed(place) for loop in self._around.get(line, ()))
        return self._seen[place]

    def _mark(self, block: list[ast.stmt], around: tuple[int, ...]) -> list[ast.stmt]:
        marked: list[ast.stmt] = []
        for statement in block:
            first, last = statement.lineno, statement.end_lineno or statement.lineno
            inner = around
            if isinstance(statement, ast.For | ast.While):
                marked.append(_report(ENTER, statement))
                inner = (*around, first)
            elif isinstance(statement, ast.FunctionDef | ast.ClassDef):
                inner = ()
            elif isinstance(statement, ast.Break):
                self._broken.add(around[-1])
            if around:
                lines = range(first, first + 1 if isinstance(statement, _COMPOUND) else last + 1)
                self._around.update(dict.fromkeys(lines, around))
            if isinstance(statement, _COMPOUND):
                for name in ("body", "orelse", "finalbody"):
                    if nested := getattr(statement, name, None):
                        setattr(statement, name, self._mark(nested, around if name == "orelse" else inner))
                for handler in getattr(statement, "handlers", ()):
                    handler.body = self._mark(handler.body, inner)
            if isinstance(statement, ast.For | ast.While):
                statement.body.insert(0, _report(TURN, statement))
            marked.append(statement)
        return marked


def _report(name: str, loop: ast.stmt) -> ast.stmt:
    call = ast.Call(ast.Name(name, ast.Load()), [ast.Constant(loop.lineno)], [])
    report = ast.Expr(call)
    for node in (report, call, call.func, call.args[0]):
        node.lineno = node.end_lineno = loop.lineno
        node.col_offset = node.end_col_offset = loop.col_offset
    return report
