"""A function in sight, entered: its parameters bound, its body lowered in place of the call."""

from __future__ import annotations

import ast
from functools import reduce

from . import calls, defaults, expressions, grad_mode, lower, objects, options, unseen
from .effects import Block, Call
from .index import Signature
from .machine import CallPaths, Consumer, Machine
from .scope import ClassInfo, Frame
from .things import NONE, UNKNOWN, Constant, Function, Mapping, Partial, Sequence, Thing, Value
from .values import join
from .values import options as options_of

MAX_DEPTH = 10


def inline(m: Machine, callee: Value, node: ast.AST, args: list[Value], keywords: dict[str, Value]) -> Value:
    """Lower the body of a function in sight in place of a call to it."""
    assert isinstance(callee, Function)
    m.record_call(callee.node, node)
    if _is_out_of_reach(m, callee):
        return unseen.call(m, _expression(node), callee, args, keywords, used=True, receiver=callee.receiver)
    return _lower_body(m, callee, node, enter(m, callee, args, keywords, called=isinstance(node, ast.expr)))


def consume(
    m: Machine, callee: Function, node: ast.expr, args: list[Value], keywords: dict[str, Value], consumer: Consumer
) -> None:
    """Run a generator in sight: `consumer` lowers, in the frame of its caller, what happens at each `yield`."""
    if _is_out_of_reach(m, callee):
        unseen.call(m, node, callee, args, keywords, used=False, receiver=callee.receiver)
        consumer(UNKNOWN)
        return
    caller = (m.frame, m.statement, m.grad_context, m.loops, m.calls)
    frame = enter(m, callee, args, keywords)

    def in_caller(value: Value) -> None:
        inner = (m.frame, m.statement, m.grad_context, m.loops, m.calls)
        m.frame, m.statement, m.grad_context, m.loops, m.calls = caller
        consumer(value)
        m.frame, m.statement, m.grad_context, m.loops, m.calls = inner

    m.consumers[frame] = in_caller
    _lower_body(m, callee, node, frame)


def _is_out_of_reach(m: Machine, callee: Function) -> bool:
    """Recursion, calls nested too deeply, what costs too much in another file, and what leaves too little for training."""
    deep = callee.node in m.stack or len(m.stack) >= MAX_DEPTH * 2
    dear = m.budget < m.reserve and callee.node not in m.relevant
    return deep or dear or (m.importer is not None and not m.importer.admits(callee))


def _lower_body(m: Machine, callee: Function, node: ast.AST, frame: Frame) -> Value:
    function = callee.node
    m.reached.add(function)
    base = m.store
    outer = (m.frame, m.block, m.statement, m.stack, m.grad_context, m.loops)
    m.frame, m.block, m.store, m.loops = frame, Block(), base.fork(), []
    m.stack = (*m.stack, node, function)
    paths = CallPaths(base)
    m.calls.append(paths)
    if not isinstance(function, ast.Lambda):
        for decorator in function.decorator_list:
            m.grad_context = grad_mode.decorated(m, decorator)
        m.statement = function
        if lower.statements(m, function.body):
            paths.returns.append((m.store.changes_since(base), NONE))
    else:
        value = expressions.evaluate(m, function.body)
        paths.returns.append((m.store.changes_since(base), value))
    m.calls.pop()
    body = m.block
    m.frame, m.block, m.statement, m.stack, m.grad_context, m.loops = outer
    m.store = base
    base.join([changes for changes, _ in paths.returns])
    if body.items:
        m.emit(Call(node, getattr(function, "name", "lambda"), body))
    returned = [value for _, value in paths.returns]
    return reduce(join, returned) if returned else NONE


def _expression(node: ast.AST) -> ast.expr:
    return node if isinstance(node, ast.expr) else ast.Constant(None)


def enter(m: Machine, callee: Function, args: list[Value], keywords: dict[str, Value], *, called: bool = True) -> Frame:
    """A frame for one activation of `callee`, its parameters bound; not `called`: from out of sight, with other arguments."""
    function = callee.node
    names = function.args
    contents = m.index.functions[function]
    info = callee.frame.cls if callee.receiver is None else _owner(callee)
    frame = Frame(function, callee.frame, contents.global_names, contents.nonlocal_names, contents.tested, info, callee.receiver)
    contents.signature = contents.signature or Signature.of(names)
    positional, named, given = contents.signature
    values = list(args)
    if callee.receiver is not None:
        values.insert(0, callee.receiver)
    spread = next((index for index, value in enumerate(values) if _is_spread(value)), None)
    rest: Value = Sequence(tuple(values[len(positional) :]))
    if spread is not None:
        rest = _spread(values[spread]) if spread >= len(positional) else UNKNOWN
        values = values[:spread]
    for index, argument in enumerate((*positional, *named)):
        if index < len(positional) and index < len(values):
            value = values[index]
        elif argument.arg in keywords:
            value = keywords[argument.arg]
        elif argument.arg in given and "**" not in keywords and (spread is None or index >= len(positional)):
            value = _default(m, function, argument, given[argument.arg], called=called)
        else:
            value = options.argument(m, function, argument, None) or parameter(m, argument)
        if m.index.functional and argument.annotation is not None:
            _declare(m, callee.frame, value, argument.annotation)
        m.store.set((frame, argument.arg), value)
    if names.vararg is not None:
        m.store.set((frame, names.vararg.arg), rest)
    if names.kwarg is not None:
        taken = {argument.arg for argument in (*positional, *named)}
        others = tuple((key, value) for key, value in keywords.items() if key not in taken)
        unseen = keywords.get("**")
        m.store.set((frame, names.kwarg.arg), Mapping(others) if unseen is None else unseen if len(others) == 1 else UNKNOWN)
    return frame


def _declare(m: Machine, frame: Frame, value: Value, annotation: ast.expr) -> None:
    """What an annotation in `frame` says of an argument of which nothing is known."""
    for one in options_of(value):
        if isinstance(one, Thing) and one.role is None and one.cls is None and not one.data:
            outer, m.frame = m.frame, frame
            objects.declare(m, one, annotation)
            m.frame = outer


def _is_spread(value: Value) -> bool:
    return isinstance(value, Partial) and value.function == calls.SPREAD


def _spread(value: Value) -> Value:
    """The collection that is spread over positional arguments."""
    return value.args[0] if isinstance(value, Partial) else value


def _default(m: Machine, function: ast.AST, argument: ast.arg, node: ast.expr, *, called: bool) -> Value:
    """A default counts as known where it chooses a path; numbers are there to be changed by callers, to other numbers."""
    if not isinstance(node, ast.Constant):
        made = m.index.functional and isinstance(node, ast.Call)
        return parameter(m, argument) if made else options.argument(m, function, argument, node) or UNKNOWN
    chosen = isinstance(node.value, str) and not called and argument.arg in m.index.functions[function].tested
    if not chosen and (node.value is None or isinstance(node.value, (bool, str))):
        return options.argument(m, function, argument, node) or Constant(node.value)
    option = options.is_command(m, function)
    if called or option:
        left_out = m.thing(argument, "default", name=argument.arg)
        return defaults.symbol(m, left_out, node, Constant(node.value), option=option) or UNKNOWN
    symbol = parameter(m, argument)
    symbol.data = True
    return symbol


def _owner(callee: Function) -> ClassInfo | None:
    receiver = callee.receiver
    if isinstance(receiver, Thing) and receiver.cls is not None:
        for info in receiver.cls.lineage():
            if callee.node in info.methods.values():
                return info
    return None


def parameter(m: Machine, argument: ast.arg) -> Thing:
    """The symbol for an argument that comes from out of sight."""
    thing = m.thing(argument, "argument", name=argument.arg)
    if argument.annotation is not None:
        objects.declare(m, thing, argument.annotation)
    return thing
