"""What becomes of values: read somewhere, or thrown away."""

from __future__ import annotations

import ast
import textwrap

import pytest
from trainlint.analysis.flow.fates import Fates, Loss, Path
from trainlint.analysis.flow.liveness import Scope
from trainlint.cancel import CancelFlag
from trainlint.program.program import build
from trainlint.source.parse import Site


def _fate(text: str, path: Path) -> tuple[str, str | None] | None:
    """How the value of the first call of `value` gets lost, and in which variable."""
    tree = ast.parse(textwrap.dedent(text))
    fates = Fates(build(tree, CancelFlag()))
    waste = fates.thrown_away(_site(tree), path)
    return (waste.how.value, waste.name) if waste is not None else None


def _site(tree: ast.Module) -> Site:
    functions = [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))]
    for scope in map(Scope, functions):
        for node, statement in scope.statement_of.items():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "value":
                return Site(node, statement, scope.node)
    raise LookupError


LOST = {
    "statement": ("value()", (), "statement", None),
    "name": ("x = value()", (), "unread", "x"),
    "part": ("x, y = value()\nprint(y)", (0,), "unread", "x"),
    "underscore": ("_, y = value()\nprint(y)", (0,), "unread", "_"),
    "overwritten": ("x = value()\nx = 1\nprint(x)", (), "overwritten", "x"),
    "overwritten each turn": ("for i in range(3):\n    x = value()\n    x = 0\n    print(x)", (), "overwritten", "x"),
    "in a loop": ("for i in range(3):\n    x = value()\n    print(i)", (), "unread", "x"),
    "other part taken": ("x = value()[1]\nprint(x)", (0,), "left", None),
    "part of a pair by index": ("x = value()\nprint(x[1])", (0,), "left", None),
    "copied": ("x = value()\ny = x", (), "unread", "y"),
    "branch": ("x = value()\nif c:\n    x = 1\nelse:\n    x = 2\nprint(x)", (), "overwritten", "x"),
    "try": ("try:\n    x = value()\nexcept E:\n    x = 1\nfinally:\n    print(1)", (), "overwritten", "x"),
    "function": (
        """
        def f(a):
            x = value()
            return a
        print(f(1))
        """, (), "unread", "x"),
    "caller drops it": (
        """
        def f(a):
            return value()
        for i in range(3):
            f(i)
        """, (), "statement", None),
    "caller drops a part": (
        """
        def f(a):
            x = value()
            return a, x
        def main():
            for i in range(3):
                a, b = f(i)
                print(a)
        main()
        """, (), "unread", "b"),
    "read before only": ("x = 0\nprint(x)\nx = value()", (), "unread", "x"),
    "closure called before only": (
        """
        def f(x):
            def g(p):
                return p + x
            y = g(1)
            x = value()
            return y
        f(1)
        """, (), "unread", "x"),
    "shadowed in a function": (
        """
        def f():
            def g(x):
                return x
            x = value()
            return g(1)
        f()
        """, (), "unread", "x"),
}  # fmt: skip

READ = {
    "argument": ("print(value())", ()),
    "name": ("x = value()\nprint(x)", ()),
    "next turn": ("x = 0\nfor i in range(3):\n    print(x)\n    x = value()", ()),
    "next turn of a while": ("x = 0\nwhile x < 3:\n    x = value()", ()),
    "one branch": ("x = value()\nif c:\n    x = 1\nprint(x)", ()),
    "loop that may not run": ("x = value()\nfor x in y:\n    pass\nprint(x)", ()),
    "handler": ("try:\n    x = value()\n    f()\nexcept E:\n    print(x)", ()),
    "finally": ("def f():\n    try:\n        x = value()\n        return 1\n    finally:\n        print(x)\nf()", ()),
    "attribute": ("self.x = value()", ()),
    "item": ("d['x'] = value()", ()),
    "starred": ("x, *y = value()\nprint(y)", (1,)),
    "captured": ("def f():\n    x = value()\n    def g():\n        return x\n    return g\nf()", ()),
    "captured before": ("def f():\n    def g():\n        return x\n    x = value()\n    return g()\nf()", ()),
    "captured, alias": ("def f():\n    def g():\n        return x\n    h = jit(g)\n    x = value()\n    return h()\nf()", ()),
    "lambda": ("def f():\n    g = lambda: x\n    x = value()\n    return g()\nf()", ()),
    "global": ("def f():\n    global x\n    x = value()\nf()", ()),
    "module name in a function": ("x = value()\ndef f():\n    return x", ()),
    "caller out of sight": ("def f():\n    return value()", ()),
    "caller reads": ("def f():\n    return value()\nx = f()\nprint(x)", ()),
    "one of two callers reads": ("def f():\n    return value()\nf()\nx = f()\nprint(x)", ()),
    "handed out": ("def f():\n    return value()\nscan(f)\nf()", ()),
    "returned function": ("def make():\n    def f():\n        return value()\n    return f\n", ()),
    "augmented": ("x = value()\nx += 1", ()),
    "locals": ("def f():\n    x = value()\n    return locals()\nf()", ()),
    "walrus": ("if (x := value()):\n    pass", ()),
    "yielded": ("def f():\n    yield value()\nf()", ()),
    "unpacked as a whole": ("x, y = value()\nprint(y)", ()),
    "unknown index": ("x = value()[i]\nprint(x)", (0,)),
    "conditional": ("x = value() if c else 0\nprint(x)", ()),
    "deleted after a read": ("x = value()\nprint(x)\ndel x", ()),
}


@pytest.mark.parametrize("case", LOST)
def test_values_that_nothing_reads(case: str) -> None:
    text, path, how, name = LOST[case]
    assert _fate(text, path) == (Loss(how).value, name)


@pytest.mark.parametrize("case", READ)
def test_values_that_may_be_read(case: str) -> None:
    text, path = READ[case]
    assert _fate(text, path) is None
