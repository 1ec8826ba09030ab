"""Calls: which function they reach, and what an object that is called computes."""

from __future__ import annotations

import ast
from collections.abc import Callable

from . import (
    access,
    configuration_files,
    expressions,
    functional,
    gathering,
    hidden_loops,
    known_calls,
    methods,
    objects,
    operations,
    options,
    parameters,
    renewal,
    unseen,
)
from .conditions import FRESH
from .effects import Block, Branch, Clear, Forward, Hook, Mode, Write
from .frameworks.table import Meaning, forward_methods, method_meaning
from .machine import Consumer, Machine
from .naming import ACTING, LOSS, suggests
from .scope import Frame
from .things import (
    UNKNOWN,
    Choice,
    ClassValue,
    External,
    Function,
    Gradient,
    Loaded,
    Many,
    Mapping,
    Method,
    Partial,
    Role,
    Sequence,
    Tensor,
    Thing,
    Value,
)
from .values import join, mix, things_in
from .vocabulary import KNOWN_METHODS, MADE_ANEW, MODE_METHODS, SHAPED_LIKE, TRANSPARENT, runs_on_gradients

# As the function of a partial: a positional argument that stands for an unknown number of them.
SPREAD = External("*")
MAX_DEPTH_WITHOUT_TRAINING = 8


def in_sight_method(holder: Value, name: str) -> bool:
    return isinstance(holder, Thing) and holder.cls is not None and holder.cls.find(name) is not None


def invoke(m: Machine, node: ast.expr, receiver: Value, name: str) -> Value:
    """Call a method without arguments, as the language itself does."""
    return apply(m, node, access.attribute(m, node, receiver, name), [], {}, used=True)


def call(m: Machine, node: ast.Call, *, used: bool) -> Value:
    """The value of a call expression; `used` is false where it stands alone as a statement."""
    inherited = _super_method(m, node)
    callee = inherited if inherited is not None else expressions.evaluate(m, node.func)
    m.receivers = (node.func, outer := m.receivers)
    looks = gathering.shown(m, node, callee) if m.drafts and not used else []
    args, keywords = _arguments(m, node, callee)
    gathering.overlook(looks)
    m.receivers = outer
    begun = len(m.operations)
    value = apply(m, node, callee, args, keywords, used=used)
    if m.index.functional:
        renewal.record(m, node, callee, begun, args, keywords, value)
    return value


def generator(m: Machine, node: ast.expr, consumer: Consumer) -> bool:
    """Where `node` calls a generator in sight, run it with `consumer` at its yields; False where it is another thing."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, (ast.Name, ast.Attribute)):
        return False
    callee = expressions.evaluate(m, node.func)
    if not isinstance(callee, Function) or not m.index.functions[callee.node].yields:
        return False
    args, keywords = _arguments(m, node, callee)
    m.consume(m, callee, node, args, keywords, consumer)
    return True


def _arguments(m: Machine, node: ast.Call, callee: Value) -> tuple[list[Value], dict[str, Value]]:
    entered = isinstance(callee, (Function, ClassValue))
    applied = isinstance(callee, Method) and method_meaning(Role.OPTIMIZER, callee.name) in (Meaning.APPLY, Meaning.APPLY_PAIRS)
    args: list[Value] = []
    for argument in node.args:
        value = expressions.evaluate(m, argument)
        if not applied and isinstance(value, (Gradient, Many)):
            value = _receive(m, node, value, isinstance(callee, Method))
        if not isinstance(argument, ast.Starred):
            args.append(value)
        elif isinstance(value, Sequence) and not value.loose:
            args.extend(value.items)
        else:
            args.append(Partial(SPREAD, (value,), ()) if entered else value)
    keywords: dict[str, Value] = {}
    for keyword in node.keywords:
        value = expressions.consume(m, keyword.value, expressions.evaluate(m, keyword.value))
        if keyword.arg is not None:
            keywords[keyword.arg] = value
            continue
        if isinstance(value, Loaded):
            value = configuration_files.entries(m, value)
        if isinstance(value, Mapping):
            keywords.update({key: item for key, item in value.items if isinstance(key, str)})
        else:
            if isinstance(value, Thing) and value in m.namespaces:
                keywords.update(options.entries(m, value))
            keywords["**"] = value
    return args, keywords


def _receive(m: Machine, node: ast.Call, value: Value, to_method: bool) -> Value:
    """An argument of a call. Gradients given to a function that works in place are written by it, by others read."""
    gradient = value.element if isinstance(value, Many) else value
    if not isinstance(gradient, Gradient):
        return value
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in TRANSPARENT:
        return value
    if name.endswith("zero_") and not to_method:
        m.emit_effect(Clear, node, (), gradient.of, "")
    elif name.endswith("_") and not to_method:
        m.emit_effect(Write, node, gradient.of)
    elif name not in MADE_ANEW | SHAPED_LIKE:
        return expressions.consume(m, node, gradient)
    return Tensor()


def apply(m: Machine, node: ast.expr, callee: Value, args: list[Value], keywords: dict[str, Value], *, used: bool) -> Value:
    """Call `callee`."""
    m.spend()
    return _BY_CALLEE.get(callee.__class__, unseen.call)(m, node, callee, args, keywords, used)


def _class(m: Machine, node: ast.expr, callee: ClassValue, args: list[Value], keywords: dict[str, Value], used: bool) -> Value:
    return objects.instantiate(m, node, callee.info, args, keywords)


def _partial(m: Machine, node: ast.expr, callee: Partial, args: list[Value], keywords: dict[str, Value], used: bool) -> Value:
    return apply(m, node, callee.function, [*callee.args, *args], dict(callee.keywords) | keywords, used=used)


def decorated(m: Machine, function: Function) -> Function | Partial:
    """The function after its decorators in sight; those out of sight are taken to return what they were given."""
    decorators = getattr(function.node, "decorator_list", [])
    if not decorators:
        return function
    outer = m.frame
    for decorator in reversed(decorators):
        m.frame = function.frame
        value = expressions.evaluate(m, decorator) if isinstance(decorator, (ast.Name, ast.Attribute, ast.Call)) else UNKNOWN
        m.frame = outer
        if isinstance(value, Function) and value.node is not function.node:
            result = apply(m, decorator, value, [function], {}, used=True)
            function = result if isinstance(result, Function) else function
        elif isinstance(value, (External, Partial)) and function.receiver is None and functional.differentiates(value):
            result = apply(m, decorator, value, [function], {}, used=True)
            if isinstance(result, Partial):
                return result
        elif isinstance(value, (External, Partial)):
            renewal.decorate(m, value, function)
    return function


def _super_method(m: Machine, node: ast.Call) -> Value | None:
    """`super().name` looked up behind the class that the current method belongs to."""
    func = node.func
    if not (
        isinstance(func, ast.Attribute)
        and isinstance(func.value, ast.Call)
        and isinstance(func.value.func, ast.Name)
        and func.value.func.id == "super"
    ):
        return None
    frame: Frame | None = m.frame
    while frame is not None and frame.cls is None:
        frame = frame.outer
    if frame is None or frame.cls is None or frame.receiver is None:
        return UNKNOWN
    receiver = frame.receiver
    lineage = receiver.cls.lineage() if isinstance(receiver, Thing) and receiver.cls else frame.cls.lineage()
    behind = lineage[lineage.index(frame.cls) + 1 :] if frame.cls in lineage else []
    for info in behind:
        if func.attr in info.methods:
            return Function(info.methods[func.attr], info.frame, receiver)
    if func.attr == "__init__" or not frame.cls.outside or hidden_loops.inherited(m, frame.cls, func.attr):
        return External("builtins.object")
    return Method(receiver, func.attr) if func.attr in KNOWN_METHODS else receiver


def _choice(m: Machine, node: ast.expr, callee: Choice, args: list[Value], keywords: dict[str, Value], used: bool) -> Value:
    result: Value = UNKNOWN
    outer = m.block
    for option in callee.options:
        m.block = Block()
        result = join(result, apply(m, node, option, args, keywords, used=used))
        body, m.block = m.block, outer
        if body.items:
            m.emit(Branch(FRESH, body, Block()))
    return result


def _function(m: Machine, node: ast.expr, callee: Function, args: list[Value], keywords: dict[str, Value], used: bool) -> Value:
    m.record_call(callee.node, node)
    exact = isinstance(callee.receiver, Thing) and callee.receiver.in_sight
    if callee.receiver is not None and runs_on_gradients(getattr(callee.node, "name", "")):
        m.emit_effect(Hook, node, parameters.of(callee.receiver))
    if (is_abstract(callee.node) and not exact) or m.index.functions[callee.node].yields:
        return unseen.call(m, node, callee, args, keywords, used=True, receiver=callee.receiver)
    if callee.node in m.relevant or isinstance(callee.node, ast.Lambda):
        return m.inline(m, callee, node, args, keywords)
    deep = len(m.stack) >= MAX_DEPTH_WITHOUT_TRAINING and not _belongs_to_a_step(m, callee)
    if deep or m.allowance < 0:
        if not MODE_METHODS.isdisjoint(m.index.functions[callee.node].words):
            held = (*args, *keywords.values(), *((callee.receiver,) if callee.receiver is not None else ()))
            m.emit_effect(Mode, node, tuple(thing for value in held for thing in things_in(value)), None)
        result = unseen.result_of(m, node, (*args, *keywords.values()))
        result.carries |= unseen.models_in(callee.receiver)
        result.opaque = True
        return result
    outer, m.aside = m.aside, True
    value = m.inline(m, callee, node, args, keywords)
    m.aside = outer
    return value


def _belongs_to_a_step(m: Machine, callee: Function) -> bool:
    """A tape records what it computes, or its name says that it computes a loss."""
    return suggests(getattr(callee.node, "name", ""), LOSS) or (bool(m.contexts) and bool(m.tapes))


def is_abstract(node: ast.AST) -> bool:
    """A body that only says that others implement it."""
    if isinstance(node, ast.Lambda) or not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    body = [
        statement
        for statement in node.body
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
    ]
    return not body or (
        len(body) == 1
        and (isinstance(body[0], ast.Pass) or (isinstance(body[0], ast.Raise) and "NotImplemented" in ast.dump(body[0])))
    )


def _thing(m: Machine, node: ast.expr, callee: Thing, args: list[Value], keywords: dict[str, Value], used: bool) -> Value:
    """An object is called: a model's forward, a loss function, or something unknown."""
    if callee.cls is not None:
        for name in ("__call__", "forward", *forward_methods(callee.cls.outside)):
            found = callee.cls.find(name)
            if found is not None:
                if callee.role is Role.INSTANCE or found[1] in m.relevant:
                    return m.inline(m, Function(found[1], found[0].frame, callee), node, args, keywords)
                m.forwards.setdefault(callee, (Function(found[1], found[0].frame, callee), m.store))
                break
    callee.uses.add("()")
    given = mix((*args, *keywords.values()))
    done = operations.forward(m, node, callee, args, keywords)
    if callee.role is Role.LOSS_FUNCTION or (callee.role is None and suggests(callee.name, LOSS)):
        given = of_prediction(args, keywords)
        models = frozenset[Thing]().union(*map(unseen.models_in, (*args, *keywords.values())))
        return operations.computed(m, Tensor(given.sources | models, given.opaque, loss=True), done)
    if callee.role is None:
        result = unseen.call(m, node, callee, args, keywords, used, receiver=_may_act(callee, used))
        if used:
            m.emit_effect(Forward, node, callee, done)
        result.made_by = done
        result.carries = given.sources | {callee} | callee.carries if m.grad_enabled else frozenset()
        result.opaque = given.opaque and m.grad_enabled
        return result
    m.emit_effect(Forward, node, callee, done)
    return operations.computed(m, Tensor(given.sources | {callee}, given.opaque, given.loss), done)


def of_prediction(args: list[Value], keywords: dict[str, Value]) -> Tensor:
    """What a loss function is given: a target that nobody is seen to compute is data."""
    values = [*args, *keywords.values()]
    return mix((*values[:1], *(Tensor() if _is_plain(value) else value for value in values[1:])))


def _is_plain(value: Value) -> bool:
    if not isinstance(value, Thing):
        return False
    whole: Thing | None = value
    while whole is not None:
        if whole.role is not None or whole.made_by is not None or whole.carries:
            return False
        whole = whole.parent
    return True


def _may_act(method: Thing, used: bool) -> Thing | None:
    """A method out of sight that returns something computes it; one that does not, or one of a class in sight, may act, as may
    one that says so."""
    receiver = method.parent
    acts = not used or suggests(method.name.rpartition(".")[2], ACTING)
    return receiver if receiver is not None and (acts or receiver.cls is not None) else None


# What is called, by its kind; all else is out of sight.
_BY_CALLEE: dict[type, Callable[..., Value]] = {
    Function: _function,
    ClassValue: _class,
    External: known_calls.call,
    Method: methods.call,
    Partial: _partial,
    Choice: _choice,
    Thing: _thing,
}
