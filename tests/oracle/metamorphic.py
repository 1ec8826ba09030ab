"""Rewrites of a program that change nothing about its training, so that nothing said about it may change.

A rewrite works on the syntax tree; `Rewritten.origin` leads from the lines of the new text back to the statements of the old.
"""

from __future__ import annotations

import ast
import copy
import symtable
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
        origin.update({decorator.lineno: statement.lineno for decorator in _decorators(statement)})
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
    origin: dict[int, int | None] = {}
    for here, there in pairs:
        lines = (there.lineno, *(decorator.lineno for decorator in _decorators(there)))
        origin.update(dict.fromkeys(lines, getattr(here, "origin", None)))
    return Rewritten(new, origin)


def _decorators(statement: ast.stmt) -> list[ast.expr]:
    return getattr(statement, "decorator_list", [])


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
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
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
    """The script stands in a function that is called at the end, and with it the definitions that read its variables."""
    if any(isinstance(node, ast.Global) for node in ast.walk(tree)):
        return None
    head = _head(tree)
    definitions = [statement for statement in tree.body[head:] if isinstance(statement, _DEFINITIONS)]
    script = [statement for statement in tree.body[head:] if not isinstance(statement, _DEFINITIONS)]
    moved = tree.body[head:] if _read(definitions) & _bound(script) else script
    if not moved:
        return None
    name = _fresh(tree, "main")
    main = ast.FunctionDef(name, _no_arguments(), moved, [])
    kept = [statement for statement in definitions if statement not in moved]
    return ast.Module([*tree.body[:head], *kept, main, _call(ast.Name(name, ast.Load()))], [])


def guarded(tree: ast.Module) -> ast.Module | None:
    """What is not an import or a definition stands under `if __name__ == "__main__"`."""
    kinds = (ast.Import, ast.ImportFrom, *_DEFINITIONS)
    kept = [statement for statement in tree.body if isinstance(statement, kinds)]
    moved = [statement for statement in tree.body if not isinstance(statement, kinds)]
    if not moved:
        return None
    test = ast.parse('__name__ == "__main__"', mode="eval").body
    return ast.Module([*kept, ast.If(test, moved, [])], [])


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _bound(statements: Iterable[ast.stmt]) -> set[str]:
    return {name for statement in statements for name in _bound_by(statement)}


def _read(definitions: Iterable[ast.stmt]) -> set[str]:
    """The global names that functions and classes read."""
    names: set[str] = set()
    tables = [symtable.symtable(ast.unparse(definition), "", "exec") for definition in definitions]
    while tables:
        table = tables.pop()
        tables.extend(table.get_children())
        names.update(symbol.get_name() for symbol in table.get_symbols() if symbol.is_global())
    return names


@dataclass(frozen=True)
class _Split:
    """A script as the statements before its first loop and the rest, with the variables that lead from one to the other."""

    imports: list[ast.stmt]
    definitions: Sequence[ast.stmt]
    before: list[ast.stmt]
    rest: list[ast.stmt]
    shared: list[str]
    """Bound before the loop and used in the rest."""
    rebound: set[str]
    """Those that the rest binds again."""


def _split(tree: ast.Module) -> _Split | None:
    """None where a function of the file reads a variable of the script, or there is no loop at its top level."""
    head = _head(tree)
    definitions = [statement for statement in tree.body[head:] if isinstance(statement, _DEFINITIONS)]
    script = [statement for statement in tree.body[head:] if not isinstance(statement, _DEFINITIONS)]
    loops = [n for n, s in enumerate(script) if any(isinstance(node, ast.For | ast.While) for node in ast.walk(s))]
    if not loops or not loops[0] or _read(definitions) & _bound(script):
        return None
    before, rest = script[: loops[0]], script[loops[0] :]
    scopes = (*_DEFINITIONS, ast.Lambda, ast.comprehension, ast.Import, ast.ImportFrom)
    if any(isinstance(node, scopes) for statement in rest for node in ast.walk(statement)):
        return None
    used = {node.id for statement in rest for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return _Split(tree.body[:head], definitions, before, rest, sorted(_bound(before) & used), _bound(rest))


def with_parameters(tree: ast.Module) -> ast.Module | None:
    """The loop stands in a function that receives model, optimizer and all else, called at the end."""
    split = _split(tree)
    if split is None:
        return None
    arguments = _no_arguments()
    arguments.args = [ast.arg(name) for name in split.shared]
    own = _fresh(tree, "run")
    run = ast.FunctionDef(own, arguments, split.rest, [])
    call = _call(ast.Name(own, ast.Load()), [ast.Name(name, ast.Load()) for name in split.shared])
    return ast.Module([*split.imports, *split.definitions, run, *split.before, call], [])


def in_class(tree: ast.Module) -> ast.Module | None:
    """Model, optimizer and all else are attributes of an object whose method holds the loop."""
    split = _split(tree)
    if split is None:
        return None
    bound = _bound(split.before)
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
    own = _fresh(tree, "Job")
    job = ast.ClassDef(own, [], [], [build, train], [])
    start = ast.parse(f"{own}().train()").body
    return ast.Module([*split.imports, *split.definitions, job, *start], [])


def _fresh(tree: ast.Module, name: str) -> str:
    """`name`, or a longer one where the file has it already."""
    used = {getattr(node, key, None) for node in ast.walk(tree) for key in ("id", "name", "asname")}
    while name in used:
        name += "_"
    return name


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
    return _logged(tree, "totals['loss'] += {loss}.item()\nhistory.append({loss}.item())", "pass", [setup])


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
