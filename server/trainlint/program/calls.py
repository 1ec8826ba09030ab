"""Calls: which function they reach, what they return, and what they do when their body is out of sight."""

from __future__ import annotations

import ast
import builtins
from dataclasses import replace

from . import configuration_files, expressions, grad_mode, in_place, methods, operations
from .conditions import FRESH
from .effects import (
    Adjust,
    Assign,
    Attach,
    Block,
    Branch,
    Clear,
    Clip,
    Create,
    Distribute,
    Exhaust,
    Extend,
    Fill,
    Forget,
    Forward,
    Freeze,
    Hook,
    Mark,
    Mode,
    Rebind,
    SetRate,
    Step,
    Unseen,
    Write,
)
from .frameworks.table import Meaning, maker, meaning
from .machine import Consumer, Machine
from .naming import ACTING, DRAWING, LOSS, READING_RECEIVERS, READING_VERBS, names_optimizer, suggests
from .scope import ClassInfo, Frame
from .things import (
    NONE,
    UNKNOWN,
    Choice,
    ClassValue,
    Constant,
    External,
    Function,
    Generator,
    Gradient,
    Loaded,
    Many,
    Mapping,
    Method,
    ModuleValue,
    Parameters,
    Partial,
    Role,
    Sequence,
    Tensor,
    Thing,
    Value,
    as_tensor,
    join,
    mix,
    things_in,
)
from .vocabulary import KNOWN_METHODS, MODE_METHODS, TRANSPARENT, holds_gradients, runs_on_gradients

_BUILTINS = frozenset(dir(builtins))
# As the function of a partial: a positional argument that stands for an unknown number of them.
SPREAD = External("*")
MAX_DEPTH_WITHOUT_TRAINING = 8


def builtin(name: str) -> External | None:
    return External(f"builtins.{name}") if name in _BUILTINS else None


def in_sight_method(holder: Value, name: str) -> bool:
    return isinstance(holder, Thing) and holder.cls is not None and holder.cls.find(name) is not None


def invoke(m: Machine, node: ast.expr, receiver: Value, name: str) -> Value:
    """Call a method without arguments, as the language itself does."""
    return apply(m, node, expressions.attribute(m, node, receiver, name), [], {}, used=True)


def call(m: Machine, node: ast.Call, *, used: bool) -> Value:
    """The value of a call expression; `used` is false where it stands alone as a statement."""
    inherited = _super_method(m, node)
    callee = inherited if inherited is not None else expressions.evaluate(m, node.func)
    outer = m.looking
    m.looking = outer or _looks(node.func)
    args, keywords = _arguments(m, node, callee)
    m.looking = outer
    return apply(m, node, callee, args, keywords, used=used)


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
    args: list[Value] = []
    for argument in node.args:
        value = _receive(m, node, expressions.evaluate(m, argument))
        if isinstance(argument, ast.Starred) and isinstance(value, Sequence):
            args.extend(value.items)
        else:
            args.append(Partial(SPREAD, (value,), ()) if isinstance(argument, ast.Starred) and entered else value)
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
            keywords["**"] = value
    return args, keywords


def _receive(m: Machine, node: ast.Call, value: Value) -> Value:
    """An argument of a call. Gradients given to a function that works in place are written by it, by others read."""
    gradient = value.element if isinstance(value, Many) else value
    if not isinstance(gradient, Gradient):
        return value
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name.endswith("zero_"):
        m.emit_effect(Clear, node, (), gradient.of, "")
    elif name.endswith("_"):
        m.emit_effect(Write, node, gradient.of)
    elif name not in TRANSPARENT:
        expressions.consume(m, node, gradient)
    else:
        return value
    return Tensor()


def apply(m: Machine, node: ast.expr, callee: Value, args: list[Value], keywords: dict[str, Value], *, used: bool) -> Value:
    """Call `callee`."""
    m.spend()
    if isinstance(callee, Function):
        return _function(m, node, callee, args, keywords)
    if isinstance(callee, ClassValue):
        return _instantiate(m, node, callee.info, args, keywords)
    if isinstance(callee, External):
        return _external(m, node, callee, args, keywords, used)
    if isinstance(callee, Method):
        return methods.call(m, node, callee, args, keywords, used)
    if isinstance(callee, Partial):
        return apply(m, node, callee.function, [*callee.args, *args], dict(callee.keywords) | keywords, used=used)
    if isinstance(callee, Choice):
        return _choice(m, node, callee, args, keywords, used)
    if isinstance(callee, Thing):
        return _thing(m, node, callee, args, keywords, used)
    return unseen(m, node, callee, args, keywords, used)


def decorated(m: Machine, function: Function) -> Function:
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
    if func.attr == "__init__" or not frame.cls.outside:
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


def _function(m: Machine, node: ast.expr, callee: Function, args: list[Value], keywords: dict[str, Value]) -> Value:
    exact = isinstance(callee.receiver, Thing) and callee.receiver.in_sight
    if callee.receiver is not None and runs_on_gradients(getattr(callee.node, "name", "")):
        m.emit_effect(Hook, node, parameters_of(callee.receiver))
    if (is_abstract(callee.node) and not exact) or m.index.functions[callee.node].yields:
        return unseen(m, node, callee, args, keywords, used=True, receiver=callee.receiver)
    if callee.node in m.relevant or isinstance(callee.node, ast.Lambda):
        return m.inline(m, callee, node, args, keywords)
    if len(m.stack) >= MAX_DEPTH_WITHOUT_TRAINING or m.allowance < 0:
        if not MODE_METHODS.isdisjoint(m.index.functions[callee.node].words):
            held = (*args, *keywords.values(), *((callee.receiver,) if callee.receiver is not None else ()))
            m.emit_effect(Mode, node, tuple(thing for value in held for thing in things_in(value)), None)
        return result_of(m, node, (*args, *keywords.values()))
    outer, m.aside = m.aside, True
    value = m.inline(m, callee, node, args, keywords)
    m.aside = outer
    return value


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


def _instantiate(m: Machine, node: ast.expr, info: ClassInfo, args: list[Value], keywords: dict[str, Value]) -> Value:
    outside = info.outside
    if any(name.startswith("torch.optim.") and "lr_scheduler" not in name for name in outside):
        optimizer = _make(m, node, Role.OPTIMIZER, info.name, args, keywords)
        own = info.find("step")
        if own is not None:
            written = ast.unparse(own[1])
            if "super().step(" in written and ("zero_grad" in written or ".grad" in written):
                optimizer.cls = info
        return optimizer
    thing = m.thing(node, "instance", role=role_of_class(info))
    thing.cls, thing.created_by = info, info.name
    thing.holds |= frozenset(held for value in (*args, *keywords.values()) for held in things_in(value))
    m.emit_effect(Create, node, thing)
    m.emit_effect(Rebind, node, thing)
    found = info.find("__init__")
    if found is None:
        for name, value in (*zip(info.fields, args, strict=False), *keywords.items()):
            m.store.set((thing, name), value)
            for part in things_in(value):
                part.owners.add(thing)
        found, args, keywords = info.find("__post_init__"), [], {}
    if found is not None:
        m.inline(m, Function(found[1], found[0].frame, thing), node, args, keywords)
    return thing


def declare(m: Machine, thing: Thing, annotation: ast.expr) -> None:
    """What an annotation says of a symbol."""
    if thing.role is not None:
        return
    value = expressions.evaluate(m, annotation)
    if isinstance(value, External):
        thing.role = maker(value.name)
    elif isinstance(value, ClassValue):
        thing.cls, thing.role = value.info, role_of_class(value.info)


def role_of_class(info: ClassInfo) -> Role:
    for name in info.outside:
        if name.startswith(("torch.nn.", "lightning", "pytorch_lightning")) or name.rpartition(".")[2].endswith("Module"):
            return Role.MODULE
    return Role.INSTANCE


def _external(m: Machine, node: ast.expr, callee: External, args: list[Value], keywords: dict[str, Value], used: bool) -> Value:
    loaded = configuration_files.call(m, callee.name, args, keywords)
    if loaded is not None:
        return loaded
    if callee.name.startswith("builtins."):
        return _builtin(m, node, callee.name[9:], args, keywords, used)
    role = maker(callee.name)
    if role is None and keywords.get("requires_grad") == Constant(True) and meaning(callee.name) is not None:
        role = Role.LEAF
    if role is not None:
        return _make(m, node, role, callee.name, args, keywords)
    known = meaning(callee.name)
    if known is None:
        return unseen(m, node, callee, args, keywords, used)
    first = args[0] if args else next(iter(keywords.values()), UNKNOWN)
    if known is not Meaning.PARTIAL and known is not Meaning.UNION:
        for value in (*args, *keywords.values()):
            exhaust(m, node, value, sure=known is Meaning.CLIP)
    if known is Meaning.BACKWARD:
        given = dict(zip(("tensors", "gradient", "retain_graph", "create_graph"), args, strict=False)) | keywords
        given["gradient"] = given.pop("grad_tensors", given.get("gradient", NONE))
        methods.backward(m, node, as_tensor(first), ast.unparse((getattr(node, "args", None) or [node])[0]), None, given)
    elif known is Meaning.STEP:
        optimizers = tuple(things_in(first))
        m.emit_effect(Step, node, optimizers, ast.unparse(node))
    elif known is Meaning.CLEAR:
        m.emit_effect(Clear, node, tuple(things_in(first)), None, ast.unparse(node))
    elif known is Meaning.CLIP:
        limit = args[1] if len(args) > 1 else keywords.get("max_norm", keywords.get("clip_value", UNKNOWN))
        m.emit_effect(Clip, node, parameters_of(first), limit, used)
    elif known is Meaning.FILL:
        m.emit_effect(Fill, node, first, in_place.filling(callee.name.rpartition(".")[2], args))
    elif known in (Meaning.WRAP, Meaning.WRAP_FIRST):
        return Sequence(tuple(args)) if known is Meaning.WRAP and len(args) > 1 else first
    elif known is Meaning.DISTRIBUTE:
        m.emit_effect(Distribute, node, tuple(things_in(first)))
        return first
    elif known is Meaning.COPY:
        return _copy(m, node, first)
    elif known is Meaning.ENGINE:
        return _engine(m, node, args, keywords)
    elif known is Meaning.SEPARATE:
        return mix((*args, *keywords.values()))
    elif known in (Meaning.PURE, Meaning.DATA):
        for value in args:
            if isinstance(value, Thing) and value.role is Role.MODULE:
                m.emit_effect(Forward, node, value)
        result = mix((*args, *keywords.values()))
        if suggests(callee.name, LOSS):
            result = _of_prediction(args, keywords)
        done = operations.compute(m, node, callee.name.rpartition(".")[2], args, keywords)
        opaque = result.opaque and (known is Meaning.PURE or bool(result.sources))
        return operations.computed(m, Tensor(result.sources, opaque, result.loss or suggests(callee.name, LOSS)), done)
    elif known is Meaning.CUT:
        return Tensor(origin=operations.compute(m, node, callee.name.removeprefix("torch."), args, keywords, cuts=True))
    elif known is Meaning.PARTIAL:
        return Partial(first, tuple(args[1:]), tuple(keywords.items()))
    elif known is Meaning.UNION:
        return _union(m, node, args)
    elif known in grad_mode.MODES or known is Meaning.ASK_GRAD:
        return grad_mode.called(m, node, callee.name, known, first)
    return UNKNOWN


def _engine(m: Machine, node: ast.expr, args: list[Value], keywords: dict[str, Value]) -> Value:
    """`(engine, optimizer, ...)`: the engine holds the model it was given and steps it."""
    engine = _make(m, node, Role.ENGINE, "engine", args, keywords)
    model = keywords.get("model", args[1] if len(args) > 1 else UNKNOWN)
    engine.parameters = parameters_of(model)
    return Sequence((engine, keywords.get("optimizer", UNKNOWN), UNKNOWN, UNKNOWN))


def _union(m: Machine, node: ast.AST, args: list[Value]) -> Value:
    if args and all(isinstance(value, Parameters) for value in args):
        whole = Parameters.union(value for value in args if isinstance(value, Parameters))
    else:
        whole = parameters_of(Sequence(tuple(args)))
    return replace(whole, generator=Generator(node, m.turns))


def exhaust(m: Machine, node: ast.AST, value: Value, *, sure: bool = True, depth: int = 3) -> None:
    """What `node` does goes through `value`, and through the iterators in it."""
    if isinstance(value, Parameters) and value.generator is not None:
        m.emit_effect(Exhaust, node, value.generator, sure)
    elif isinstance(value, Choice) and depth:
        for option in value.options:
            exhaust(m, node, option, sure=False, depth=depth - 1)
    elif isinstance(value, Sequence) and depth:
        for item in value.items:
            exhaust(m, node, item, sure=sure, depth=depth - 1)
    elif isinstance(value, Mapping) and depth:
        for key, item in value.items:
            if key == "params":
                exhaust(m, node, item, sure=sure, depth=depth - 1)


def _copy(m: Machine, node: ast.expr, original: Value) -> Value:
    if isinstance(original, Many) and isinstance(original.element, Tensor):
        return Many(original.element.by(operations.compute(m, node, "deepcopy", [original.element], cuts=True)))
    if not isinstance(original, Thing):
        return original
    thing = m.thing(node, "copy", role=original.role)
    thing.cls, thing.created_by, thing.copy_of = original.cls, "copy.deepcopy", original
    m.emit_effect(Create, node, thing)
    m.emit_effect(Rebind, node, thing)
    return thing


def _make(m: Machine, node: ast.expr, role: Role, name: str, args: list[Value], keywords: dict[str, Value]) -> Thing:
    """An object of a class that a table knows."""
    thing = m.thing(node, "made", role=role)
    thing.created_by = name
    thing.arguments, thing.positional = dict(keywords), tuple(args)
    if role is Role.LEAF:
        thing.made_by = operations.compute(m, node, name.rpartition(".")[2], args, keywords)
    thing.holds |= frozenset(held for value in (*args, *keywords.values()) for held in things_in(value))
    if role is Role.OPTIMIZER:
        given = args[0] if args else keywords.get("params", UNKNOWN)
        exhaust(m, node, given)
        thing.parameters = parameters_of(given)
        thing.arguments["params"] = given
        if len(args) > 1:
            thing.arguments["lr"] = args[1]
        rates = [value for value in group_rates(args[0] if args else keywords.get("params", UNKNOWN))]
        if rates:
            thing.arguments["lr"] = UNKNOWN
    elif thing.holds:
        m.emit_effect(SetRate, node, tuple(thing.holds))
    m.emit_effect(Create, node, thing)
    m.emit_effect(Rebind, node, thing)
    return thing


def group_rates(groups: Value) -> list[Value]:
    """Learning rates that parameter groups give of their own."""
    items = groups.items if isinstance(groups, Sequence) else ()
    return [
        value
        for group in items
        if isinstance(group, Mapping)
        for key, value in group.items
        if key == "lr" and isinstance(value, (Constant, Thing))
    ]


def parameters_of(value: Value) -> Parameters:
    """The parameters that an argument such as `params` stands for."""
    if isinstance(value, Parameters):
        return value.kept
    if isinstance(value, Thing):
        return (
            value.parameters
            if value.role is Role.OPTIMIZER and value.parameters
            else Parameters(frozenset({value}), value.role is not Role.LEAF)
        )
    if isinstance(value, Mapping):
        inner = [item for key, item in value.items if key == "params"]
        return parameters_of(inner[0]) if inner else Parameters(opaque=True)
    if isinstance(value, (Sequence, Choice)):
        return Parameters.union(parameters_of(item) for item in (value.items if isinstance(value, Sequence) else value.options))
    if isinstance(value, Many):
        return parameters_of(value.element)
    if isinstance(value, Tensor):
        return Parameters(value.sources, opaque=True)
    return Parameters(opaque=True)


def _builtin(m: Machine, node: ast.expr, name: str, args: list[Value], keywords: dict[str, Value], used: bool) -> Value:
    first = args[0] if args else UNKNOWN
    if name in ("list", "tuple", "set", "sorted", "reversed", "iter"):
        if isinstance(first, Parameters) and name not in ("reversed", "iter"):
            exhaust(m, node, first)
            return first.kept
        return first
    if name in ("filter", "map") and len(args) > 1:
        given = args[1]
        if name == "map" and isinstance(first, Function):
            element = given.kept if isinstance(given, Parameters) else expressions.item(m, given, UNKNOWN)
            exhaust(m, node, given, sure=False)
            return Many(apply(m, node, first, [element], {}, used=True))
        return replace(given.some, generator=Generator(node, m.turns)) if isinstance(given, Parameters) else given
    if name == "next":
        member = expressions.item(m, first, UNKNOWN)
        if isinstance(member, Thing) and member.role is None and not member.carries and not member.uses:
            member.data = True
        return member
    if name in ("sum", "max", "min", "abs"):
        if isinstance(first, Parameters):
            exhaust(m, node, first)
            return first.some
        return operations.computed(m, mix(tuple(args)), operations.compute(m, node, name, args))
    if name == "getattr" and len(args) > 1:
        wanted = args[1].value if isinstance(args[1], Constant) else None
        if isinstance(wanted, str) and isinstance(node, ast.expr):
            return expressions.attribute(m, node, first, wanted)
        return External(f"{first.name}.Chosen") if isinstance(first, External) else unseen(m, node, UNKNOWN, args, keywords, used)
    if name == "setattr" and len(args) > 2 and isinstance(args[1], Constant) and isinstance(args[1].value, str):
        set_attribute(m, node, first, args[1].value, args[2])
        return NONE
    if name == "setattr" and len(args) > 2 and isinstance(first, Thing):
        m.record_binding(first, None, node, args[2])
        return NONE
    if name == "dict":
        if isinstance(first, Parameters):
            exhaust(m, node, first)
            return first.kept
        return Mapping(tuple(keywords.items())) if keywords and not args else first if args else Mapping(())
    if name in ("float", "int", "round"):
        return Tensor(origin=operations.compute(m, node, name, args, cuts=True))
    if name in ("str", "bool", "len", "repr", "isinstance", "hasattr", "id", "type", "range", "print"):
        return UNKNOWN
    if name in ("zip", "enumerate"):
        return Sequence(tuple(args))
    return UNKNOWN


def _thing(m: Machine, node: ast.expr, callee: Thing, args: list[Value], keywords: dict[str, Value], used: bool) -> Value:
    """An object is called: a model's forward, a loss function, or something unknown."""
    if callee.cls is not None:
        for name in ("__call__", "forward"):
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
        given = _of_prediction(args, keywords)
        return operations.computed(m, Tensor(given.sources, given.opaque, loss=True), done)
    if callee.role is None:
        result = unseen(m, node, callee, args, keywords, used, receiver=_may_act(callee.parent, used))
        if used:
            m.emit_effect(Forward, node, callee, done)
        result.made_by = done
        result.carries = given.sources | {callee} if m.grad_enabled else frozenset()
        result.opaque = given.opaque and m.grad_enabled
        return result
    m.emit_effect(Forward, node, callee, done)
    return operations.computed(m, Tensor(given.sources | {callee}, given.opaque, given.loss), done)


def _of_prediction(args: list[Value], keywords: dict[str, Value]) -> Tensor:
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


def _may_act(receiver: Thing | None, used: bool) -> Thing | None:
    """A method out of sight that returns something computes it; one that does not, or one of a class in sight, may act."""
    return receiver if receiver is not None and (not used or receiver.cls is not None) else None


def unseen(
    m: Machine,
    node: ast.expr,
    callee: Value,
    args: list[Value],
    keywords: dict[str, Value],
    used: bool,
    receiver: Value | None = None,
) -> Thing:
    """A call whose body is out of sight: it may do what its arguments allow."""
    values = (*args, *keywords.values())
    given = mix(values)
    result = result_of(m, node, values)
    owned = [value for value in values if isinstance(value, Parameters)]
    for collection in owned:
        exhaust(m, node, collection, sure=False)
    if owned:
        result.parameters = Parameters.union(owned)
    label = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    if not used and not _only_reads(label):
        for value in values:
            configuration_files.change(m, value)
    for value in values:
        for thing in things_in(value):
            thing.uses.add("passed")
    handed = tuple(
        thing for value in values for thing in things_in(value) if thing.role in (Role.OPTIMIZER, None) and not thing.data
    )
    if handed:
        m.emit_effect(SetRate, node, handed)
    if not _only_reads(label) and not (used and _computes_loss(label, values)):
        touches = frozenset(
            thing
            for value in (*values, *((receiver,) if receiver is not None else ()))
            for thing in things_in(value)
            if not thing.data and thing.role is not Role.LOSS_FUNCTION
        )
        loss = given if given.loss or not used else Tensor()
        if not m.grad_enabled and used and not any(map(_may_apply, touches)):
            touches, loss = frozenset(), Tensor()
        if touches or loss.sources or loss.opaque:
            m.emit_effect(Unseen, node, touches, loss, not used, label)
    m.emit_effect(Rebind, node, result)
    return result


def result_of(m: Machine, node: ast.AST, values: tuple[Value, ...]) -> Thing:
    """What a call whose body is not looked at returns: it may be made of, or hold, whatever it was given."""
    given = mix(values)
    result = m.thing(node, "result")
    result.carries = given.sources | {thing for value in values for thing in things_in(value) if not thing.data}
    result.opaque = given.opaque
    result.holds |= frozenset(thing for value in values for thing in things_in(value))
    return result


def _looks(function: ast.expr) -> bool:
    """By its words, a function that draws or logs what it is given."""
    receiver = function.value if isinstance(function, ast.Attribute) else None
    last = receiver.attr if isinstance(receiver, ast.Attribute) else receiver.id if isinstance(receiver, ast.Name) else ""
    own = function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    return suggests(own, DRAWING) or suggests(last, DRAWING)


def _may_apply(thing: Thing) -> bool:
    """It is or holds an optimizer, as far as anyone can see."""
    return thing.role in (Role.OPTIMIZER, Role.INSTANCE, Role.ENGINE) or names_optimizer(thing.name)


def _computes_loss(label: str, values: tuple[Value, ...]) -> bool:
    """By its words, a call that computes a loss and leaves the rest to its caller, who keeps the optimizers to himself."""
    last = label.rpartition(".")[2]
    if not suggests(last, LOSS) or suggests(last, ACTING):
        return False
    return not any(_may_apply(thing) for value in values for thing in things_in(value))


def _only_reads(label: str) -> bool:
    """By its words, a call that looks at things: `save_checkpoint`, `logger.info`."""
    head, _, last = label.rpartition(".")
    return suggests(last, READING_VERBS) or (bool(head) and suggests(head.rpartition(".")[2], READING_RECEIVERS))


def escape(m: Machine, node: ast.AST, value: Value, whither: str) -> None:
    """`value` is handed to code out of sight that runs at a time of its own."""
    touched = frozenset(things_in(value))
    for thing in touched:
        thing.escaped = True
    m.lose_sight(node, f"control passes to {whither}")
    m.emit_effect(Unseen, node, touched, as_tensor(value), True, whither)


def set_attribute(m: Machine, node: ast.AST, holder: Value, name: str, value: Value) -> None:
    """`holder.name = value`."""
    if name == "grad":
        target = holder if isinstance(holder, Parameters) else Parameters(frozenset(things_in(holder)), opaque=True)
        if value == NONE:
            m.emit_effect(Clear, node, (), target, "")
        else:
            m.emit_effect(Write, node, target)
        return
    if isinstance(holder, Parameters) and holds_gradients(name) and value != NONE:
        m.emit_effect(Write, node, holder)
    if isinstance(holder, (Parameters, Tensor)):
        m.emit_effect(Mark, node, holder, name, value)
    if isinstance(holder, Parameters) and name == "data":
        in_place.written(holder)
    if isinstance(holder, Parameters) and name == "requires_grad":
        m.emit_effect(Freeze, node, holder.kept, _truth(value))
    if isinstance(holder, ClassValue):
        m.store.set((holder.info, name), value)
    if isinstance(holder, ModuleValue) and m.importer is not None:
        m.importer.assign(holder, name, value)
    if isinstance(holder, Loaded):
        configuration_files.assign(m, holder, name, value)
    if name == "requires_grad" and value != Constant(False):
        in_place.made_leaf(node, holder)
    if name == "data":
        in_place.stored(m, holder, (value,))
    if not isinstance(holder, Thing):
        return
    for part in things_in(value):
        part.owners.add(holder)
        if not part.name:
            part.name = ast.unparse(node) if isinstance(node, ast.Attribute) else f"{holder.name or 'self'}.{name}"
        if not holder.in_sight:
            part.escaped = True
    if name == "requires_grad" and holder.role is not Role.MODULE:
        m.emit_effect(Freeze, node, Parameters(frozenset({holder})), _truth(value))
    if not (isinstance(m.frame.node, ast.FunctionDef) and m.frame.node.name == "__init__" and m.frame.receiver is holder):
        m.emit_effect(Assign, node, holder, name, value, m.store.get((holder, name)))
    elif isinstance(value, Thing) and holder.role is Role.MODULE:
        m.emit_effect(Attach, node, holder, name, value)
    m.record_binding(holder, name, node, value)
    m.store.set((holder, name), value)
    m.emit_effect(Forget, node, f".{name}")


def _truth(value: Value) -> bool | None:
    return bool(value.value) if isinstance(value, Constant) else None


def set_item(m: Machine, target: ast.Subscript, holder: Value, index: Value, value: Value) -> None:
    """`holder[index] = value`."""
    key = index.value if isinstance(index, Constant) else None
    in_place.stored(m, holder, (value,))
    if key is None and isinstance(target.value, (ast.Name, ast.Attribute)) and _is_member(holder, value):
        kept = [old for _, old in holder.items] if isinstance(holder, Mapping) else [expressions.item(m, holder, index)]
        member = value
        for old in kept:
            member = join(old, member)
        expressions.bind(m, target.value, member if isinstance(member, Parameters) else Many(member))
    elif isinstance(holder, Parameters):
        if key == "lr" or key is None:
            m.emit_effect(SetRate, target, tuple(holder.owners))
        elif key == "params":
            m.emit_effect(Extend, target, tuple(holder.owners), parameters_of(value))
    elif isinstance(holder, Gradient):
        m.emit_effect(Adjust, target, holder.of)
    elif isinstance(holder, Loaded):
        configuration_files.assign(m, holder, key, value)
    elif isinstance(holder, Thing):
        if isinstance(value, Thing) and value.role is Role.MODULE:
            m.emit_effect(Assign, target, holder, f"[{key!r}]", value, m.store.get((holder, f"[{key!r}]")))
        m.store.set((holder, f"[{key!r}]"), value)
        for part in things_in(value):
            part.owners.add(holder)
    elif isinstance(holder, Sequence) and isinstance(key, int) and 0 <= key < len(holder.items):
        if isinstance(target.value, (ast.Name, ast.Attribute)):
            items = (*holder.items[:key], value, *holder.items[key + 1 :])
            expressions.bind(m, target.value, Sequence(items))
    elif isinstance(holder, Mapping) and isinstance(target.value, (ast.Name, ast.Attribute)):
        rest = tuple((known, old) for known, old in holder.items if known != key)
        expressions.bind(m, target.value, Mapping((*rest, (key, value))))


def _is_member(holder: Value, value: Value) -> bool:
    """A collection is given one more member, and `value` is worth to be remembered as such."""
    if isinstance(holder, Parameters):
        return isinstance(value, Parameters)
    return isinstance(holder, (Mapping, Many)) and isinstance(value, (Thing, Parameters))


def assigned_elsewhere(m: Machine, holder: Thing, name: str) -> Value | None:
    """An attribute that another method of the object's class assigns."""
    assert holder.cls is not None
    for info in holder.cls.lineage():
        for method in info.methods.values():
            own = method.args.args[0].arg if method.args.args else ""
            assignment = m.index.functions[method].built.get((own, name))
            if assignment is not None:
                return _evaluate_apart(m, holder, info, method, name, assignment)
    return None


def _evaluate_apart(
    m: Machine, holder: Thing, info: ClassInfo, method: ast.FunctionDef | ast.AsyncFunctionDef, name: str, node: ast.Assign
) -> Value:
    """The value of an assignment in a method that does not run here, its effects left out."""
    m.spend()
    m.store.set((holder, name), m.part(holder, name))
    frame = Frame(method, info.frame, cls=info, receiver=holder)
    m.store.set((frame, method.args.args[0].arg), holder)
    for argument in method.args.args[1:]:
        m.store.set((frame, argument.arg), m.thing(argument, "argument", name=argument.arg))
    outer = (m.frame, m.block, m.statement, m.stack)
    m.frame, m.block, m.statement, m.stack = frame, Block(), node, (method,)
    value = expressions.evaluate(m, node.value)
    m.frame, m.block, m.statement, m.stack = outer
    set_attribute(m, node, holder, name, value)
    return value
