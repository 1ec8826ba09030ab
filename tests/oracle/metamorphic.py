"""Rewrites of a program that change nothing about its training, so that nothing said about it may change.

A rewrite works on the syntax tree; `Rewritten.origin` leads from the lines of the new text back to the statements of the old.
"""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from trainlint.finding import Finding

Rewrite = Callable[[ast.Module], "ast.Module | None"]
"""Changes a tree in place or builds a new one of its statements; None where the program offers no place for it."""


@dataclass(frozen=True)
class Rewritten:
    text: str
    origin: Mapping[int, int | None]
    """Line of the new text -> first line of the statement in the old text; None for a statement that was added."""

    def claims(self, findings: Iterable[Finding]) -> Counter[tuple[str, int | None]]:
        """What is said, by code and statement of the old text."""
        return Counter((finding.code, self.origin.get(finding.span.start.line)) for finding in findings)


def unchanged(text: str) -> Rewritten:
    """The text as it is, its lines led back to the statements they belong to."""
    origin: dict[int, int | None] = {}
    for statement in _statements(ast.parse(text)):
        last = statement.end_lineno or statement.lineno
        origin.update(dict.fromkeys(range(statement.lineno, last + 1), statement.lineno))
    return Rewritten(text, origin)


def rewrite(text: str, change: Rewrite) -> Rewritten | None:
    """`text` after `change`; None where it does not apply."""
    tree = ast.parse(text)
    for statement in _statements(tree):
        statement.origin = statement.lineno  # type: ignore[attr-defined]
    changed = change(tree)
    if changed is None:
        return None
    new = ast.unparse(ast.fix_missing_locations(changed)) + "\n"
    pairs = zip(_statements(changed), _statements(ast.parse(new)), strict=True)
    return Rewritten(new, {there.lineno: getattr(here, "origin", None) for here, there in pairs})


def _statements(tree: ast.AST) -> Iterator[ast.stmt]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.stmt))


# Names


def reformatted(tree: ast.Module) -> ast.Module:
    return tree


def prefixed(tree: ast.Module) -> ast.Module:
    """Every variable and function of the file has a longer name that still holds the old one."""
    return _renamed(tree, {name: f"my_{name}" for name in _variables(tree)})


def numbered(tree: ast.Module) -> ast.Module:
    """Every variable and function of the file has a name that says nothing."""
    return _renamed(tree, {name: f"v{number}" for number, name in enumerate(sorted(_variables(tree)))})


def _variables(tree: ast.Module) -> set[str]:
    """Names that can be changed everywhere in the file without changing what it does."""
    bound: set[str] = set()
    fixed: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.FunctionDef):
            bound.add(node.name)
        elif isinstance(node, ast.ClassDef):
            fixed.update(name for child in node.body for name in _bound_by(child))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            fixed.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.keyword) and node.arg:
            fixed.add(node.arg)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            fixed.add(node.name)
    return {name for name in bound - fixed - {"self", "cls", "_"} if not name.startswith("__")}


def _bound_by(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    return {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _renamed(tree: ast.Module, names: Mapping[str, str]) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
        elif isinstance(node, ast.arg):
            node.arg = names.get(node.arg, node.arg)
        elif isinstance(node, ast.FunctionDef):
            node.name = names.get(node.name, node.name)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [names.get(name, name) for name in node.names]
    return tree


# Imports


def aliased_imports(tree: ast.Module) -> ast.Module | None:
    """`import torch as torch_`, `from torch import nn as nn_`."""
    names: dict[str, str] = {}
    kept: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and getattr(node, "module", "") != "__future__":
            for alias in node.names:
                name = alias.asname or alias.name
                if "." in name or name == "*":
                    kept.add(name.split(".")[0])
                else:
                    names[name] = f"{name}_"
    names = {name: new for name, new in names.items() if name not in kept}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                name = alias.asname or alias.name
                alias.asname = names.get(name, alias.asname)
    return _renamed(tree, names) if names else None


def optimizers_imported(tree: ast.Module) -> ast.Module | None:
    """`from torch.optim import SGD as SGDOptimizer` instead of `torch.optim.SGD`."""
    used: set[str] = set()

    def by_name(name: str) -> ast.expr:
        used.add(name)
        return ast.Name(f"{name}Optimizer", ast.Load())

    tree = _replace_optimizers(tree, by_name)
    imports = [ast.ImportFrom("torch.optim", [ast.alias(name, f"{name}Optimizer")], 0) for name in sorted(used)]
    return _with_imports(tree, imports) if used else None


def optimizers_qualified(tree: ast.Module) -> ast.Module | None:
    """`import torch.optim as optimizers` and `optimizers.SGD` instead of `torch.optim.SGD`."""
    used: set[str] = set()

    def qualified(name: str) -> ast.expr:
        used.add(name)
        return ast.Attribute(ast.Name("optimizers", ast.Load()), name, ast.Load())

    tree = _replace_optimizers(tree, qualified)
    return _with_imports(tree, [ast.Import([ast.alias("torch.optim", "optimizers")])]) if used else None


def _replace_optimizers(tree: ast.Module, spell: Callable[[str], ast.expr]) -> ast.Module:
    class Spell(ast.NodeTransformer):
        def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
            self.generic_visit(node)
            known = ast.unparse(node.value) in ("torch.optim", "optim") and node.attr[:1].isupper()
            return spell(node.attr) if known and isinstance(node.ctx, ast.Load) else node

    changed: ast.Module = Spell().visit(tree)
    return changed


def _with_imports(tree: ast.Module, imports: Sequence[ast.stmt]) -> ast.Module:
    head = _head(tree)
    return ast.Module([*tree.body[:head], *imports, *tree.body[head:]], [])


def _head(tree: ast.Module) -> int:
    """How many statements at the top are a docstring or imports."""
    for number, statement in enumerate(tree.body):
        text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not (text or isinstance(statement, ast.Import | ast.ImportFrom)):
            return number
    return len(tree.body)


# Wrapping


def in_function(tree: ast.Module) -> ast.Module | None:
    """Everything but the imports stands in `main`, which is called at the end."""
    if any(isinstance(node, ast.Global) for node in ast.walk(tree)):
        return None
    head = _head(tree)
    main = ast.FunctionDef("main", _no_arguments(), tree.body[head:] or [ast.Pass()], [])
    return ast.Module([*tree.body[:head], main, _call(ast.Name("main", ast.Load()))], [])


def guarded(tree: ast.Module) -> ast.Module:
    """What is not an import or a definition stands under `if __name__ == "__main__"`."""
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    kept = [statement for statement in tree.body if isinstance(statement, kinds)]
    moved = [statement for statement in tree.body if not isinstance(statement, kinds)]
    if not moved:
        return tree
    test = ast.parse('__name__ == "__main__"', mode="eval").body
    return ast.Module([*kept, ast.If(test, moved, [])], [])


@dataclass(frozen=True)
class _Split:
    """A script as the statements before its first loop and the rest, with the variables that lead from one to the other."""

    imports: list[ast.stmt]
    definitions: list[ast.stmt]
    before: list[ast.stmt]
    rest: list[ast.stmt]
    shared: list[str]
    """Bound before the loop and used in the rest."""
    rebound: set[str]
    """Those that the rest binds again."""


def _split(tree: ast.Module) -> _Split | None:
    """None where a function of the file reads a variable of the script, or there is no loop at its top level."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    head = _head(tree)
    body = tree.body[head:]
    definitions = [statement for statement in body if isinstance(statement, kinds)]
    script = [statement for statement in body if not isinstance(statement, kinds)]
    first = next((n for n, s in enumerate(script) if any(isinstance(x, ast.For | ast.While) for x in ast.walk(s))), 0)
    before, rest = script[:first], script[first:]
    nested = (*kinds, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Import, ast.ImportFrom)
    if not first or any(isinstance(node, nested) for statement in rest for node in ast.walk(statement)):
        return None
    bound = {name for statement in before for name in _bound_by(statement)}
    everything = {name for statement in script for name in _bound_by(statement)}
    if any(isinstance(n, ast.Name) and n.id in everything for d in definitions for n in ast.walk(d)):
        return None
    used = {node.id for statement in rest for node in ast.walk(statement) if isinstance(node, ast.Name)}
    rebound = {name for statement in rest for name in _bound_by(statement)}
    return _Split(tree.body[:head], definitions, before, rest, sorted(bound & used), rebound)


def with_parameters(tree: ast.Module) -> ast.Module | None:
    """The loop stands in a function that receives model, optimizer and all else, called at the end."""
    split = _split(tree)
    if split is None:
        return None
    arguments = _no_arguments()
    arguments.args = [ast.arg(name) for name in split.shared]
    run = ast.FunctionDef("run", arguments, split.rest, [])
    call = _call(ast.Name("run", ast.Load()), [ast.Name(name, ast.Load()) for name in split.shared])
    return ast.Module([*split.imports, *split.definitions, run, *split.before, call], [])


def in_class(tree: ast.Module) -> ast.Module | None:
    """Model, optimizer and all else are attributes of an object whose method holds the loop."""
    split = _split(tree)
    if split is None:
        return None
    bound = {name for statement in split.before for name in _bound_by(statement)}
    if any(isinstance(node, ast.comprehension | ast.Lambda) for s in split.before for node in ast.walk(s)):
        return None

    def attribute(name: str, context: ast.expr_context) -> ast.expr:
        return ast.Attribute(ast.Name("self", ast.Load()), name, context)

    class Own(ast.NodeTransformer):
        def __init__(self, names: set[str]) -> None:
            self.names = names

        def visit_Name(self, node: ast.Name) -> ast.expr:
            return attribute(node.id, node.ctx) if node.id in self.names else node

    arguments = _no_arguments()
    arguments.args = [ast.arg("self")]
    local = [name for name in split.shared if name in split.rebound]
    copies: list[ast.stmt] = [ast.Assign([ast.Name(name, ast.Store())], attribute(name, ast.Load())) for name in local]
    build = ast.FunctionDef("__init__", arguments, [Own(bound).visit(s) for s in split.before], [])
    rest = [*copies, *(Own(set(split.shared) - split.rebound).visit(s) for s in split.rest)]
    train = ast.FunctionDef("train", copy.deepcopy(arguments), rest, [])
    job = ast.ClassDef("Job", [], [], [build, train], [])
    start = ast.parse("Job().train()").body
    return ast.Module([*split.imports, *split.definitions, job, *start], [])


def _no_arguments() -> ast.arguments:
    return ast.arguments([], [], None, [], [], None, [])


def _call(function: ast.expr, arguments: Sequence[ast.expr] = ()) -> ast.stmt:
    return ast.Expr(ast.Call(function, list(arguments), []))


# Logging


def printing(tree: ast.Module) -> ast.Module | None:
    """The loss is printed after its backward, and a word after each step."""
    return _logged(tree, 'print("loss", {loss}.item())', 'print("stepped")', [])


def remembering(tree: ast.Module) -> ast.Module | None:
    """The loss is kept in a list and summed up."""
    setup = "history = []\ntotals = {'loss': 0.0}"
    return _logged(tree, "totals['loss'] += {loss}.item()\nhistory.append(float({loss}))", "pass", [setup])


def on_a_board(tree: ast.Module) -> ast.Module | None:
    """The loss and the rate go to TensorBoard."""
    setup = "from torch.utils.tensorboard import SummaryWriter\nwriter = SummaryWriter()"
    return _logged(tree, "writer.add_scalar('loss', {loss}.item(), 0)", "writer.flush()", [setup])


def _logged(tree: ast.Module, after_backward: str, after_step: str, setup: Sequence[str]) -> ast.Module | None:
    added = 0

    class Log(ast.NodeTransformer):
        def visit_Expr(self, node: ast.Expr) -> list[ast.stmt]:
            nonlocal added
            function = node.value.func if isinstance(node.value, ast.Call) else None
            if not isinstance(function, ast.Attribute):
                return [node]
            if function.attr == "backward" and isinstance(function.value, ast.Name) and not node.value.args:  # type: ignore[attr-defined]
                added += 1
                return [node, *ast.parse(after_backward.format(loss=function.value.id)).body]
            return [node, *ast.parse(after_step).body] if function.attr == "step" else [node]

    logged: ast.Module = Log().visit(tree)
    if not added:
        return None
    return _with_imports(logged, [statement for text in setup for statement in ast.parse(text).body])


REWRITES: tuple[Rewrite, ...] = (
    reformatted,
    prefixed,
    aliased_imports,
    optimizers_imported,
    optimizers_qualified,
    in_function,
    guarded,
    with_parameters,
    in_class,
    printing,
    remembering,
    on_a_board,
)
