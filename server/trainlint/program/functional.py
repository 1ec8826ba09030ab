"""Training by values: functions that give gradients, transformations of gradients, and states that a step returns anew.

Nothing here changes an object. What a step computes has an effect only where its caller keeps it.
"""

from __future__ import annotations

import ast

from . import access, calls, conditions, operations, unseen
from .differentiation import GRADIENT
from .effects import Block, Branch, Loop
from .frameworks.table import Meaning, meaning, mutates, operation_name, signature, value_method
from .machine import Machine
from .naming import names_optimizer, suggests, words
from .things import (
    UNKNOWN,
    Choice,
    Constant,
    External,
    Function,
    Many,
    Mapping,
    Operation,
    Partial,
    Role,
    Sequence,
    Tensor,
    Thing,
    Value,
)
from .values import as_tensor, join, mix, options, things_in

# Operations of this way to train, beside the one that gives gradients.
VALUE = "value_of_loss"  # the loss that comes along with its gradient
INITIAL_STATE = "initial_state"  # the first state of a transformation
UPDATES = "updates"  # what a transformation makes of gradients
NEXT_STATE = "next_state"  # the state it leaves behind
APPLIED = "applied"  # parameters, moved by updates
NEXT_TRAIN_STATE = "next_train_state"  # a train state, moved by gradients
MOVED = "moved"  # parameters and a state of an optimizer without one, moved by gradients
REPLACED = "replaced"  # an object with some of its fields changed
IN_PLACE = "applied_in_place"  # an object that holds the parameters moves them itself

# As the function of a partial: differentiates the function that it is given next, by the options behind it.
_DIFFERENTIATE = External("differentiate")
_TRANSFORMATION_WORDS = frozenset({"tx", "opt", "optim", "optimizer", "optimiser", "transform", "solver", "optax"})
_GRADIENT_WORDS = frozenset({"grad", "grads", "gradient", "gradients", "g"})
_RATE = ("learning_rate", 0)


MEANINGS = frozenset(
    {Meaning.LIFT, Meaning.GRADIENT_OF, Meaning.VALUE_AND_GRADIENT_OF, Meaning.EACH, Meaning.SCAN, Meaning.REPEAT,
     Meaning.WHILE, Meaning.CONDITION, Meaning.APPLY_UPDATES, Meaning.AVERAGE}
)  # fmt: skip


def known_call(
    m: Machine, node: ast.expr, known: Meaning, callee: External, args: list[Value], keywords: dict[str, Value], used: bool
) -> Value:
    """The value of a call of one of `MEANINGS`."""
    if known is Meaning.LIFT:
        return lift(m, callee, args, keywords)
    if known is Meaning.AVERAGE:
        return averaged(m, node, operation_name(callee.name), args, keywords)
    if known is Meaning.EACH:
        return each(m, node, args, keywords, used)
    if known is Meaning.APPLY_UPDATES:
        return apply_updates(m, node, args, keywords)
    if known is Meaning.CONDITION:
        return condition(m, node, args, keywords, used)
    if known in (Meaning.SCAN, Meaning.REPEAT, Meaning.WHILE):
        return scan(m, node, known, args, keywords, used)
    return differentiator(known, callee, args, keywords)


def is_method(m: Machine, holder: Value, name: str) -> bool:
    """An attribute that is a method in files that train by values, whatever object has it."""
    known = value_method(name) if m.index.functional else None
    if known is Meaning.ITSELF:
        return isinstance(holder, (Function, Partial))
    return known is not None and isinstance(holder, (Thing, Choice, Tensor)) and not calls.in_sight_method(holder, name)


def replaces(m: Machine, name: str) -> bool:
    """A method that returns its object with other fields, in files that train by values."""
    return m.index.functional and value_method(name) is Meaning.REPLACE


def lift(m: Machine, callee: External, args: list[Value], keywords: dict[str, Value]) -> Value:
    """A function that is run in another way: itself. Without one, what does so to the next it is given."""
    given = args[0] if args else next((keywords[name] for name in ("fun", "f", "fn") if name in keywords), None)
    if given is not None and traces(callee):
        trace(m, given)
    return given if given is not None else Partial(callee, (), ())


def traces(lifting: Value) -> bool:
    """It runs functions on symbols, once: what they do beside computing what they return is lost."""
    while isinstance(lifting, Partial):
        lifting = lifting.function
    return isinstance(lifting, External) and meaning(lifting.name) is Meaning.LIFT and not mutates(lifting.name)


def trace(m: Machine, given: Value) -> None:
    """Note down that a function is only ever run on symbols here."""
    while isinstance(given, Partial):
        given = given.function
    if isinstance(given, Function):
        m.traced.add(given.node)


def differentiator(kind: Meaning, callee: External, args: list[Value], keywords: dict[str, Value]) -> Value:
    """The function that gives gradients of the one it is given; what makes one where there is none yet."""
    given = args[0] if args else keywords.get("fun", keywords.get("f"))
    if given is None:
        return Partial(callee, (), tuple(keywords.items()))
    with_value = Constant(kind is Meaning.VALUE_AND_GRADIENT_OF)
    wanted = args[1] if len(args) > 1 else keywords.get("argnums", Constant(0))
    has_aux = args[2] if len(args) > 2 else keywords.get("has_aux", Constant(False))
    return Partial(_DIFFERENTIATE, (given, Sequence((with_value, wanted, has_aux))), ())


def differentiates(decorator: Value) -> bool:
    """A decorator that makes a function one that gives gradients."""
    while isinstance(decorator, Partial):
        decorator = decorator.function
    kinds = (Meaning.GRADIENT_OF, Meaning.VALUE_AND_GRADIENT_OF)
    return isinstance(decorator, External) and meaning(decorator.name) in kinds


def call(m: Machine, node: ast.expr, callee: External, args: list[Value], keywords: dict[str, Value]) -> Value | None:
    """Call what `differentiator` gave; None where `callee` is another thing."""
    if callee.name != _DIFFERENTIATE.name:
        return None
    function, chosen = args[0], args[1]
    assert isinstance(chosen, Sequence)
    with_value, wanted, has_aux = chosen.items
    given, by, symbols = _by_symbols(m, node, function, args[2:], keywords, wanted)
    begun = len(m.operations)
    value = calls.apply(m, node, function, given, keywords, used=True)
    run = Constant(tuple(m.operations[begun:]))
    loss: Value = value
    aux: Value = UNKNOWN
    if has_aux != Constant(False):
        loss = aux = UNKNOWN
        if isinstance(value, Sequence) and len(value.items) == 2 and has_aux == Constant(True):
            loss, aux = value.items
        elif isinstance(value, (Thing, Tensor)):
            loss = access.item(m, value, Constant(0))
            aux = access.item(m, value, Constant(1))
    name = Constant(_parameter(function, wanted.value) if isinstance(wanted, Constant) and isinstance(wanted.value, int) else "")
    arguments = {"loss": loss, "by": by, "symbols": symbols, "function": function, "result": value, "has_aux": has_aux,
                 "argnums": wanted, "name": name, "given": Sequence(tuple(args[2:])), "run": run}  # fmt: skip
    taken = m.operation(node, GRADIENT, (loss,), arguments)
    gradients = Tensor(origin=taken)
    if with_value == Constant(False):
        return gradients if has_aux == Constant(False) else Sequence((gradients, aux))
    seen = Tensor(loss=True, origin=m.operation(node, VALUE, (loss,), {"gradient": gradients}))
    if has_aux == Constant(False):
        return Sequence((seen, gradients))
    return Sequence((Sequence((seen, aux)) if has_aux == Constant(True) else UNKNOWN, gradients))


def _by_symbols(
    m: Machine, node: ast.expr, function: Value, args: list[Value], keywords: dict[str, Value], wanted: Value
) -> tuple[list[Value], Value, Value]:
    """The arguments, those it is differentiated by replaced by symbols of their own; these arguments; and the symbols.

    A model whose class is in sight stands for itself.
    """
    at = [wanted] if isinstance(wanted, Constant) else list(wanted.items) if isinstance(wanted, Sequence) else []
    numbers = [one.value for one in at if isinstance(one, Constant) and isinstance(one.value, int)]
    if not numbers or len(numbers) != len(at) or any(not 0 <= number < len(args) for number in numbers):
        return args, UNKNOWN, UNKNOWN
    given, by, symbols = list(args), [], []
    for number in numbers:
        symbol = _symbol(m, node, args[number], f"by {number}", _parameter(function, number))
        given[number] = symbol
        by.append(args[number])
        symbols.append(symbol)
    return given, by[0] if len(by) == 1 else Sequence(tuple(by)), Sequence(tuple(symbols))


def _parameter(function: Value, number: int) -> str:
    if isinstance(function, Partial):
        return _parameter(function.function, number + len(function.args))
    if isinstance(function, Function):
        names = [argument.arg for argument in (*function.node.args.posonlyargs, *function.node.args.args)]
        number += function.receiver is not None
        return names[number] if number < len(names) else ""
    return ""


def _symbol(m: Machine, node: ast.expr, value: Value, tag: str, name: str) -> Value:
    if isinstance(value, Mapping):
        return Mapping(tuple((key, _symbol(m, node, item, f"{tag} {key}", str(key))) for key, item in value.items))
    if isinstance(value, Sequence):
        items = (_symbol(m, node, item, f"{tag} {index}", name) for index, item in enumerate(value.items))
        return Sequence(tuple(items))
    if isinstance(value, Many):
        return Many(_symbol(m, node, value.element, f"{tag} []", name))
    if isinstance(value, Thing) and (value.cls is not None or value.role is Role.MODULE):
        return value
    if isinstance(value, Choice) and any(isinstance(one, Thing) and one.cls is not None for one in value.options):
        return value
    return m.thing(node, tag, name=name)


def scan(m: Machine, node: ast.expr, kind: Meaning, args: list[Value], keywords: dict[str, Value], used: bool) -> Value:
    """A function that is run over and over, each time on what it returned the time before."""
    at = {Meaning.REPEAT: 2, Meaning.WHILE: 1}.get(kind, 0)
    function = args[at] if len(args) > at else keywords.get("f", keywords.get("body_fun", UNKNOWN))
    carried = args[at + 1] if len(args) > at + 1 else keywords.get("init", keywords.get("init_val", UNKNOWN))
    if not isinstance(function, (Function, Partial)):
        return unseen.call(m, node, UNKNOWN, args, keywords, used)
    m.hand_out(function)
    outer, m.block = m.block, Block()
    turns, m.turns = m.turns, (*m.turns, (node, 1))
    over = m.thing(node, "over", name="turn")
    over.data = True
    items = args[2] if kind is Meaning.SCAN and len(args) > 2 else keywords.get("xs", UNKNOWN)
    over.made_by = m.operation(node, "getitem", (items, UNKNOWN))
    given = {Meaning.REPEAT: [over, carried], Meaning.WHILE: [carried]}.get(kind, [carried, over])
    result = calls.apply(m, node, function, given, {}, used=True)
    m.turns = turns
    body, m.block = m.block, outer
    if body.items:
        m.emit(Loop(node, body, Block()))
    if kind is not Meaning.SCAN:
        return result
    return (
        Sequence((result.items[0], Many(result.items[1]))) if isinstance(result, Sequence) and len(result.items) == 2 else UNKNOWN
    )


def condition(m: Machine, node: ast.expr, args: list[Value], keywords: dict[str, Value], used: bool) -> Value:
    """One of two functions is run."""
    operand = keywords.get("operand")
    given = [*args[3:], *([operand] if operand is not None else [])]
    if len(args) < 3 or not all(isinstance(one, (Function, Partial)) for one in args[1:3]):
        return unseen.call(m, node, UNKNOWN, args, keywords, used)
    outer = m.block
    results: list[Value] = []
    bodies: list[Block] = []
    for function in args[1:3]:
        m.hand_out(function)
        m.block = Block()
        results.append(calls.apply(m, node, function, given, {}, used=True))
        bodies.append(m.block)
    m.block = outer
    if any(body.items for body in bodies):
        m.emit(Branch(conditions.FRESH, bodies[0], bodies[1]))
    return join(*results)


def each(m: Machine, node: ast.expr, args: list[Value], keywords: dict[str, Value], used: bool) -> Value:
    """A function of each leaf of trees."""
    if not args:
        return unseen.call(m, node, UNKNOWN, args, keywords, used)
    m.hand_out(args[0])
    if len(args) > 1:
        m.handing[node] = 1
    return _mapped(m, node, args[0], list(args[1:]))


def averaged(m: Machine, node: ast.expr, name: str, args: list[Value], keywords: dict[str, Value]) -> Value:
    """Trees whose leaves are averaged over devices."""
    given = args[0] if args else keywords.get("x", UNKNOWN)
    m.handing[node] = 0
    return _averaged(m, node, name, given, [*args[1:], *keywords.values()])


def _averaged(m: Machine, node: ast.expr, name: str, tree: Value, rest: list[Value]) -> Value:
    if isinstance(tree, Sequence):
        return Sequence(tuple(_averaged(m, node, name, item, rest) for item in tree.items))
    if isinstance(tree, Mapping):
        return Mapping(tuple((key, _averaged(m, node, name, item, rest)) for key, item in tree.items))
    return operations.computed(m, mix((tree,)), operations.compute(m, node, name, [tree, *rest], {}))


def _mapped(m: Machine, node: ast.expr, function: Value, trees: list[Value]) -> Value:
    first = trees[0] if trees else UNKNOWN
    tuples = [tree.items for tree in trees if isinstance(tree, Sequence)]
    if isinstance(first, Sequence) and len(tuples) == len(trees) and len({len(items) for items in tuples}) == 1:
        return Sequence(tuple(_mapped(m, node, function, list(items)) for items in zip(*tuples, strict=True)))
    if len(trees) == 1 and isinstance(first, Mapping):
        return Mapping(tuple((key, _mapped(m, node, function, [item])) for key, item in first.items))
    return calls.apply(m, node, function, trees, {}, used=True)


def apply_updates(m: Machine, node: ast.expr, args: list[Value], keywords: dict[str, Value]) -> Value:
    """Parameters that updates have been added to: the same object as far as anybody can tell."""
    moved = args[0] if args else keywords.get("params", keywords.get("model", UNKNOWN))
    updates = args[1] if len(args) > 1 else keywords.get("updates", UNKNOWN)
    done = m.operation(node, APPLIED, (moved, updates), {"parameters": moved, "updates": updates})
    if isinstance(moved, Thing) and (moved.cls is not None or moved.role is Role.MODULE):
        return moved
    return _made(m, node, done, moved)


def _made(m: Machine, node: ast.expr, done: Operation, like: Value) -> Thing:
    """The new object that a computation returns in place of `like`."""
    made = m.thing(node, "anew")
    made.made_by = done
    if isinstance(like, Thing):
        made.cls, made.role = like.cls, like.role
        made.opaque, made.carries = like.opaque, frozenset({like}) | like.carries
    return made


def transformation(thing: Thing, name: str, args: list[Value], keywords: dict[str, Value]) -> None:
    """What a transformation of gradients was built from."""
    rate, position = _RATE
    given = args[position] if len(args) > position else keywords.get(rate)
    if given is not None:
        thing.arguments["lr"] = given


def method(
    m: Machine, node: ast.expr, receiver: Value, name: str, args: list[Value], keywords: dict[str, Value], used: bool
) -> Value | None:
    """Call a method of a transformation, a train state, a model; None where it is another thing."""
    kind = value_method(name)
    if not isinstance(node, ast.Call) or kind is None:
        return None
    if kind is Meaning.ITSELF:
        return receiver
    if kind is Meaning.CAST and isinstance(receiver, (Tensor, Thing)):
        return _as_type(m, node, receiver, args, keywords)
    if kind is Meaning.REPLACE:
        return _replaced(m, node, receiver, keywords) if keywords and not args else None
    if kind is Meaning.MOVE_STATE and isinstance(receiver, Tensor) and not args:
        return _moved_state(m, node, receiver, keywords)
    owner = receiver if isinstance(receiver, Thing) else None
    if isinstance(receiver, Choice):
        owner = next((one for one in receiver.options if isinstance(one, Thing)), None)
    if owner is None:
        return None
    values = (*args, *keywords.values())
    if kind is Meaning.FIRST_STATE and _is_transformation(owner):
        return Tensor(origin=operations.compute(m, node, INITIAL_STATE, args, keywords, owner))
    if kind is Meaning.UPDATE:
        return _update(m, node, owner, args, keywords, used)
    if kind is Meaning.MOVE_STATE and not args:
        return _moved_state(m, node, owner, keywords)
    if kind is Meaning.RUN_WITH_STATE and "return_losses" not in keywords:
        done = operations.compute(m, node, f".{name}", (owner, *args), keywords)
        return Sequence((operations.computed(m, Tensor(opaque=True), done), Tensor(opaque=True)))
    if kind is Meaning.MOVE:
        return _moved(m, node, owner, name, args, keywords)
    if kind is Meaning.RUN and owner.role is not Role.OPTIMIZER:
        done = operations.compute(m, node, f".{name}", (owner, *args), keywords)
        made = m.thing(node, "output")
        made.made_by = done
        made.opaque, made.carries = True, frozenset(thing for value in values for thing in things_in(value))
        for value in values:
            m.hand_out(value)
        return made
    return None


def _moved_state(m: Machine, node: ast.Call, state: Value, keywords: dict[str, Value]) -> Thing:
    arguments = {"gradients": keywords.get("grads", UNKNOWN), "state": state}
    owner = state if isinstance(state, Thing) else None
    done = m.operation(node, NEXT_TRAIN_STATE, (state, *keywords.values()), arguments, owner)
    return _made(m, node, done, state)


def _replaced(m: Machine, node: ast.Call, receiver: Value, keywords: dict[str, Value]) -> Value | None:
    """A new object with the fields of `receiver`, but those that are given."""
    held = [one for one in options(receiver) if isinstance(one, Thing)]
    known = [one for one in held if one.cls is not None] or held
    if not known or len({one.cls for one in known}) > 1:
        return None
    made = _made(m, node, m.operation(node, REPLACED, (receiver, *keywords.values())), known[0])
    made.holds = frozenset(thing for value in (receiver, *keywords.values()) for thing in things_in(value))
    for field in known[0].cls.fields if known[0].cls is not None else ():
        m.store.set((made, field), access.attribute(m, node, receiver, field))
    for field, given in keywords.items():
        m.store.set((made, field), given)
    return made


def _as_type(m: Machine, node: ast.Call, receiver: Value, args: list[Value], keywords: dict[str, Value]) -> Value:
    """A change of type keeps the graph, except to whole numbers."""
    whole = operations.is_whole(args[0] if args else keywords.get("dtype", UNKNOWN))
    if whole:
        return Tensor(origin=operations.compute(m, node, "astype", (receiver, *args), keywords, cuts=True))
    return operations.computed(m, as_tensor(receiver), operations.compute(m, node, "to", (receiver, *args), keywords))


def _is_transformation(thing: Thing) -> bool:
    """It transforms gradients, or its name says so."""
    if thing.role is not None or thing.cls is not None:
        return thing.role is Role.TRANSFORMATION
    last = thing.name.rpartition(".")[2]
    return names_optimizer(last) or suggests(last, _TRANSFORMATION_WORDS)


def _update(m: Machine, node: ast.Call, owner: Thing, args: list[Value], keywords: dict[str, Value], used: bool) -> Value | None:
    """`updates, state = tx.update(gradients, state, parameters)`, or `optimizer.update(model, gradients)` in place."""
    if owner.role is Role.TRAIN_STATE:
        gradients = args[-1] if args else keywords.get("grads", UNKNOWN)
        _moved_in_place(m, node, owner, gradients)
        return UNKNOWN
    if not _is_transformation(owner) or any(isinstance(argument, ast.Starred) for argument in node.args):
        return None
    args = args or [keywords[name] for name in ("updates", "grads") if name in keywords][:1]
    if not args:
        return None
    if owner.role is None and ((len(args) == 1 and not keywords) or _in_place(m, node, args, used)):
        _moved_in_place(m, node, owner, args[-1])
        return UNKNOWN
    state = args[1] if len(args) > 1 else keywords.get("state", UNKNOWN)
    parameters = args[2] if len(args) > 2 else keywords.get("params", UNKNOWN)
    arguments = {"gradients": args[0], "state": state, "parameters": parameters}
    updates = m.operation(node, UPDATES, (args[0], state, parameters), arguments, owner)
    after = m.operation(node, NEXT_STATE, (args[0], state), arguments, owner)
    return Sequence((Tensor(origin=updates), Tensor(origin=after)))


def _moved(m: Machine, node: ast.Call, owner: Thing, name: str, args: list[Value], keywords: dict[str, Value]) -> Value:
    """`parameters, state = optimizer.stateless_apply(state, gradients, parameters)`."""
    given = dict(zip(signature(name), args, strict=False)) | keywords
    gradients, moved = given.get("grads", UNKNOWN), given.get("trainable_variables", UNKNOWN)
    state = given.get("optimizer_variables", UNKNOWN)
    done = m.operation(
        node, MOVED, (moved, gradients, state), {"gradients": gradients, "parameters": moved, "state": state}, owner
    )
    return Sequence((_made(m, node, done, moved), Tensor(origin=done)))


def _in_place(m: Machine, node: ast.Call, args: list[Value], used: bool) -> bool:
    """By what it is given, an update of an object that holds the parameters: the model comes first, then the gradients."""
    if len(args) != 2:
        return False
    first, second = args
    if _is_gradient(second) or (not _is_gradient(first) and _named(node.args[1], _GRADIENT_WORDS)):
        return True
    return not used and not _is_gradient(first) and not _named(node.args[0], _GRADIENT_WORDS)


def _moved_in_place(m: Machine, node: ast.Call, owner: Thing, gradients: Value) -> None:
    m.operation(node, IN_PLACE, (gradients,), {"gradients": gradients, "state": owner}, owner)


def _is_gradient(value: Value) -> bool:
    return any(
        isinstance(one, Tensor) and isinstance(one.origin, Operation) and one.origin.name == GRADIENT for one in options(value)
    )


def _named(node: ast.expr, vocabulary: frozenset[str]) -> bool:
    return isinstance(node, (ast.Name, ast.Attribute)) and not vocabulary.isdisjoint(
        words(node.id if isinstance(node, ast.Name) else node.attr)
    )


def out_of_sight(
    m: Machine, node: ast.expr, callee: External, args: list[Value], keywords: dict[str, Value], made: Thing
) -> None:
    """Note down what a call of something imported was computed from: nothing else can reach its result."""
    if made.made_by is None and m.index.functional:
        made.made_by = m.operation(node, f"?{callee.name}", (*args, *keywords.values()))
