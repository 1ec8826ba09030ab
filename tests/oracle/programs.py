"""Training loops as small trees, and their spelling as the Python that people write."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Union


@dataclass(frozen=True)
class Op:
    """Z clears, L computes a loss, B computes one where none waits and differentiates it, S steps.

    A is B through a gradient scaler and T is S through it; U unscales, P updates the scaler; C clips; D steps a scheduler,
    which N only builds.

    `who` tells apart the optimizers and losses of a program with two networks; empty where there is one.
    """

    kind: str
    who: str = ""


@dataclass(frozen=True)
class If:
    """`test` is a key of `TESTS`."""

    test: str
    body: Block
    orelse: Block = ()


@dataclass(frozen=True)
class Loop:
    """`over` is "batches" or "epochs"."""

    over: str
    body: Block


@dataclass(frozen=True)
class Jump:
    word: str


@dataclass(frozen=True)
class Try:
    body: Block
    handler: Block | None = None
    final: Block = ()


@dataclass(frozen=True)
class Helper:
    """A function that holds `body`, called here; one definition serves every call with the same name."""

    name: str
    body: Block
    who: str = ""


@dataclass(frozen=True)
class Closure:
    """A step that calls a function with `body` before it applies what that left."""

    body: Block


Node = Union[Op, If, Loop, Jump, Try, Helper, Closure]
Block = tuple[Node, ...]

TESTS = {
    "even": "{i} % 2 == 0",
    "odd": "({i} + 1) % 2 == 0",
    "window": "({i} + 1) % accumulate == 0",
    "third": "{i} % 3 == 0",
    "third-end": "({i} + 1) % 3 == 0",
    "first": "{i} == 0",
    "later": "{i} > 0",
    "coin": "random.random() < 0.5",
    "finite": "torch.isfinite({loss})",
    "warmup": "warmup",
}
COUNTED = frozenset({"even", "odd", "window", "third", "third-end", "first", "later"})
TOSSED = frozenset({"coin", "finite"})


def walk(block: Sequence[Node]) -> Iterator[Node]:
    """Every node of a block, outer before inner."""
    for node in block:
        yield node
        for name in ("body", "orelse", "handler", "final"):
            yield from walk(getattr(node, name, None) or ())


def has_loss(block: Block) -> bool:
    """Whether a loss is computed anywhere: every loop over batches has one, if only to look at it."""
    return any(
        (isinstance(node, Op) and node.kind in "ABL") or (isinstance(node, Loop) and node.over == "batches")
        for node in walk(block)
    )


@dataclass(frozen=True)
class Spelling:
    """The choices of a writer that change no event."""

    names: int = 0
    clear: str = "optimizer"
    """"optimizer", "module", "none" (`p.grad = None`), "zeros" (`set_to_none=False`) or "in place" (`p.grad.zero_()`)."""
    imports: str = "torch.optim.SGD"
    wrapper: str = "module"
    """"module", "main", "function" or "class"."""
    loop: str = "enumerate"
    """"enumerate", "range" or "while"."""
    inline: bool = False
    """Whether `criterion(...).backward()` stands in one statement."""
    helper: str = "arguments"
    """"arguments" or "globals": how a helper function gets at what it uses."""


@dataclass(frozen=True)
class Names:
    model: str
    optimizer: str
    criterion: str
    loader: str
    loss: str
    counter: str


ONE = (
    Names("model", "optimizer", "criterion", "loader", "loss", "i"),
    Names("net", "opt", "loss_fn", "train_loader", "loss", "step"),
    Names("network", "optim_w", "criterion", "data_loader", "l", "batch_idx"),
    Names("regressor", "sgd", "objective", "batches_", "train_loss", "n"),
)
TWO = (
    {"model_d": "netD", "model_g": "netG", "optimizer_d": "optimizerD", "optimizer_g": "optimizerG"},
    {
        "model_d": "discriminator",
        "model_g": "generator",
        "optimizer_d": "d_optimizer",
        "optimizer_g": "g_optimizer",
    },
    {"model_d": "D", "model_g": "G", "optimizer_d": "opt_d", "optimizer_g": "opt_g"},
    {"model_d": "critic", "model_g": "actor", "optimizer_d": "critic_opt", "optimizer_g": "actor_opt"},
)

LOSSES = {
    "": "{criterion}({model}(x), y)",
    "d": "{criterion}({model_d}(x), y) + {criterion}({model_d}({model_g}(x).detach()), y)",
    "f": "{criterion}({model_d}({model_g}(x)), y)",
    "g": "{criterion}({model_d}({model_g}(x)), y)",
    "j": "{criterion}({model_d}(x), y) + {criterion}({model_g}(x), y)",
}
LOSS_NAMES = {"": "{loss}", "d": "d_{loss}", "f": "d_{loss}", "g": "g_{loss}", "j": "{loss}"}

TWO_WEIGHTS = """
class TwoWeights(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        return self.weight * x
"""
SHIFT = """
class Shift(nn.Module):
    def __init__(self):
        super().__init__()
        self.offset = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x + self.offset
"""
"""Far below any output, so that the absolute difference is linear in the weights."""
FAR = "-1e18"
SCALE = "2.0**12"
"""Of the gradient scaler: it moves the base-4 digits of a gradient by six places."""


def spell(block: Block, spelling: Spelling) -> str:
    """The text of a whole program."""
    return _Speller(block, spelling).program()


@dataclass
class _Context:
    """What the names are here, which counter runs, and which losses wait for their backward."""

    names: dict[str, str]
    counter: str
    waiting: set[str]


class _Speller:
    def __init__(self, block: Block, spelling: Spelling) -> None:
        self.block = block
        self.spelling = spelling
        self.nodes = list(walk(block))
        self.two = any(getattr(node, "who", "") for node in self.nodes)
        names = ONE[spelling.names % len(ONE)]
        self.counter = names.counter
        made = {"model": names.model, "optimizer": names.optimizer}
        self.names = dict(TWO[spelling.names % len(TWO)] if self.two else made)
        self.names |= {"criterion": names.criterion, "loader": names.loader, "loss": names.loss}
        kinds = {node.kind for node in self.nodes if isinstance(node, Op)}
        if not kinds.isdisjoint("AUTP"):
            self.names["scaler"] = ("scaler", "grad_scaler")[spelling.names % 2]
        if not kinds.isdisjoint("DN"):
            self.names["scheduler"] = ("scheduler", "lr_schedule")[spelling.names % 2]
        self.things = [
            name for name in self.names if name.startswith(("model", "optimizer", "criterion", "loader", "scaler", "scheduler"))
        ]
        self.tests = {node.test for node in self.nodes if isinstance(node, If)}
        self.loops = {node.over for node in self.nodes if isinstance(node, Loop)}
        self.inline = spelling.inline and not any(isinstance(node, Closure) for node in self.nodes)
        self.helpers: dict[str, list[str]] = {}

    # The program around the loop

    def program(self) -> str:
        wrapper = self.spelling.wrapper
        names = dict(self.names)
        if wrapper == "class":
            names |= {name: f"self.{names[name]}" for name in self.things}
        body = self._block(self.block, _Context(names, self.counter, set()))
        lines = [*self._imports(), *(SHIFT if self.two else TWO_WEIGHTS).splitlines(), "", ""]
        helpers = [line for helper in self.helpers.values() for line in helper]
        if wrapper == "class":
            return "\n".join([*lines, *self._class(body, helpers), *self._settings(), *self._things(), *self._start()])
        lines += helpers
        if wrapper == "main":
            inner = [*self._settings(), *self._things(), *body]
            lines += ["def main():", *_indent(inner), "", "", 'if __name__ == "__main__":', "    main()"]
        elif wrapper == "function":
            arguments = ", ".join(self.names[name] for name in self.things)
            lines += [f"def train({arguments}):", *_indent(self._batch()), *_indent(body), "", ""]
            lines += [*self._settings(), *self._things(), f"train({arguments})"]
        else:
            lines += [*self._settings(), *self._things(), *body]
        return "\n".join(lines) + "\n"

    def _imports(self) -> list[str]:
        lines = ["import random"] if "coin" in self.tests else []
        lines += ["import sys", "", "import torch"]
        form = self.spelling.imports
        if form == "optim.SGD":
            return [*lines, "from torch import nn, optim", ""]
        if form == "SGD":
            return [*lines, "from torch import nn", "from torch.optim import SGD", ""]
        if form == "aliases":
            return [*lines, "import torch.nn as nn", "import torch.optim as optim", ""]
        return [*lines, "from torch import nn", ""]

    def _settings(self) -> list[str]:
        lines = ["epochs, batches = map(int, sys.argv[1:3])"]
        if "warmup" in self.tests:
            lines.append('warmup = "--warmup" in sys.argv')
        if "window" in self.tests:
            lines.append("accumulate = 2")
        return lines

    def _batch(self) -> list[str]:
        """What a function needs at its top where a loss stands outside the loop over batches."""
        return [self._data()] if _loss_outside(self.block) else []

    def _data(self) -> str:
        first, last = ("[2.0]", f"[{FAR}]") if self.two else ("[2.0, 6.0]", f"[{FAR}, {FAR}]")
        return f"x, y = torch.tensor({first}), torch.tensor({last})"

    def _things(self) -> list[str]:
        names = self.names
        lines = [self._data(), f"{names['loader']} = [(x, y)] * batches"]
        optimizer = "optim.SGD" if self.spelling.imports in ("optim.SGD", "aliases") else self.spelling.imports
        made = "Shift()" if self.two else "TwoWeights()"
        lines += [f"{names[name]} = {made}" for name in self.things if name.startswith("model")]
        lines.append(f"{names['criterion']} = nn.L1Loss()")
        for name in self.things:
            if name.startswith("optimizer"):
                model = names[name.replace("optimizer", "model")]
                lines.append(f"{names[name]} = {optimizer}({model}.parameters(), lr=1e-3)")
        if "scaler" in names:
            lines.append(f'{names["scaler"]} = torch.amp.GradScaler("cpu", init_scale={SCALE})')
        if "scheduler" in names:
            schedule = f"torch.optim.lr_scheduler.StepLR({names['optimizer']}, 1)"
            lines.append(f"{names['scheduler']} = {schedule}")
        return lines

    def _class(self, body: list[str], helpers: list[str]) -> list[str]:
        arguments = ", ".join(self.names[name] for name in self.things)
        stored = [f"self.{self.names[name]} = {self.names[name]}" for name in self.things]
        train = ["", "    def train(self):", *_indent([*self._batch(), *body], 2), "", ""]
        methods = ["", *_indent(helpers)] if helpers else []
        while methods and not methods[-1].strip():
            methods.pop()
        return [
            "class Trainer:",
            f"    def __init__(self, {arguments}):",
            *_indent(stored, 2),
            *methods,
            *train,
        ]

    def _start(self) -> list[str]:
        arguments = ", ".join(self.names[name] for name in self.things)
        return [f"Trainer({arguments}).train()", ""]

    # The loop

    def _block(self, block: Block, context: _Context) -> list[str]:
        return [line for node in block for line in self._node(node, context)] or ["pass"]

    def _node(self, node: Node, context: _Context) -> list[str]:
        spell: dict[type, Callable[..., list[str]]] = {
            Op: self._op,
            If: self._if,
            Loop: self._loop,
            Jump: lambda jump, _: [jump.word],
            Try: self._try,
            Helper: self._helper,
            Closure: self._closure,
        }
        return spell[type(node)](node, context)

    def _op(self, op: Op, context: _Context) -> list[str]:
        names, who = context.names, op.who
        if op.kind == "L":
            context.waiting.add(who)
            return [f"{self._loss(who, names)} = {LOSSES[who].format(**names)}"]
        if op.kind == "B":
            loss = self._loss(who, names)
            if who in context.waiting:
                context.waiting.discard(who)
                return [f"{loss}.backward()"]
            value = LOSSES[who].format(**names)
            if self.inline:
                return [f"({value}).backward()" if " + " in value else f"{value}.backward()"]
            return [f"{loss} = {value}", f"{loss}.backward()"]
        suffix = f"_{who}" if who else ""
        if op.kind in "AUCTPDN":
            return self._precise(op, context)
        if op.kind == "S":
            return [f"{names['optimizer' + suffix]}.step()"]
        return self._clear(names["optimizer" + suffix], names["model" + suffix])

    def _precise(self, op: Op, context: _Context) -> list[str]:
        """What concerns scaling, clipping and schedules, of a program with one network."""
        names = context.names
        if op.kind == "A":
            loss = self._loss("", names)
            scaled = f"{names['scaler']}.scale({loss}).backward()"
            if "" in context.waiting:
                context.waiting.discard("")
                return [scaled]
            value = LOSSES[""].format(**names)
            if self.inline:
                return [f"{names['scaler']}.scale({value}).backward()"]
            return [f"{loss} = {value}", scaled]
        if op.kind == "C":
            return [f"torch.nn.utils.clip_grad_norm_({names['model']}.parameters(), 1.0)"]
        if op.kind == "N":
            return []
        if op.kind == "D":
            return [f"{names['scheduler']}.step()"]
        called = {"U": "unscale_({})", "T": "step({})", "P": "update()"}[op.kind]
        return [f"{names['scaler']}.{called.format(names['optimizer'])}"]

    @staticmethod
    def _loss(who: str, names: dict[str, str]) -> str:
        return LOSS_NAMES[who].format(**names)

    def _clear(self, optimizer: str, model: str) -> list[str]:
        clear = self.spelling.clear
        if clear == "module":
            return [f"{model}.zero_grad()"]
        if clear == "none":
            return [f"for p in {model}.parameters():", "    p.grad = None"]
        if clear == "in place":
            return [f"for p in {model}.parameters():", "    if p.grad is not None:", "        p.grad.zero_()"]
        return [f"{optimizer}.zero_grad({'set_to_none=False' if clear == 'zeros' else ''})"]

    def _if(self, node: If, context: _Context) -> list[str]:
        test = TESTS[node.test].format(i=context.counter, loss=self._loss("", context.names))
        waiting = set(context.waiting)
        lines = [f"if {test}:", *_indent(self._block(node.body, context))]
        if node.orelse:
            lines += ["else:", *_indent(self._block(node.orelse, replace(context, waiting=waiting)))]
        return lines

    def _loop(self, loop: Loop, context: _Context) -> list[str]:
        counts = self._counts(loop.body)
        inner = replace(context, counter="epoch" if loop.over == "epochs" else self.counter)
        body = self._block(loop.body, inner)
        if loop.over == "batches" and not any(isinstance(n, Op) and n.kind in "ABL" for n in walk(loop.body)):
            body = [*self._op(Op("L", "d" if self.two else ""), inner), *(body if loop.body else ())]
            inner.waiting.clear()
        loader, form = context.names["loader"], self.spelling.loop
        if loop.over == "epochs":
            return [f"for {inner.counter} in range(epochs):", *_indent(body)]
        skips = any(isinstance(node, Jump) and node.word == "continue" for node in walk(loop.body))
        if form == "while" and not skips:
            turn = [f"x, y = {loader}[{inner.counter}]", *body, f"{inner.counter} += 1"]
            return [f"{inner.counter} = 0", f"while {inner.counter} < len({loader}):", *_indent(turn)]
        if form == "range":
            return [
                f"for {inner.counter} in range(len({loader})):",
                f"    x, y = {loader}[{inner.counter}]",
                *_indent(body),
            ]
        if counts:
            return [f"for {inner.counter}, (x, y) in enumerate({loader}):", *_indent(body)]
        return [f"for x, y in {loader}:", *_indent(body)]

    @staticmethod
    def _counts(body: Block) -> bool:
        return any(isinstance(node, If) and node.test in COUNTED for node in walk(body))

    def _try(self, node: Try, context: _Context) -> list[str]:
        lines = ["try:", *_indent(self._block(node.body, context))]
        context.waiting.clear()
        if node.handler is not None:
            lines += ["except RuntimeError:", *_indent(self._block(node.handler, context))]
        if node.final:
            lines += ["finally:", *_indent(self._block(node.final, context))]
        return lines

    def _helper(self, node: Helper, context: _Context) -> list[str]:
        """A function, or a method in a class; a loss that waits is passed to it."""
        method = self.spelling.wrapper == "class"
        shared = bool(node.who)
        roles = {"optimizer": "optimizer", "model": "model", "loss": "loss"} if shared else {}
        passed = [self._loss(who, context.names) for who in sorted(context.waiting)]
        inner = _Context(context.names if method and not shared else {**self.names, **roles}, context.counter, set())
        inner.waiting = {""} if shared and passed else set(context.waiting)
        body = self._block(node.body, inner)
        context.waiting.clear()
        text = "\n".join(body)
        if shared:
            given = [context.names[f"{name}_{node.who}"] for name in ("model", "optimizer")] + passed
            taken = ["model", "optimizer", "loss"][: len(given)]
        else:
            bare = self.spelling.helper == "globals" and self.spelling.wrapper == "module"
            things = [] if bare or method else [n for n in self.things if _mentions(text, self.names[n])]
            loops = any(isinstance(inside, Loop) for inside in node.body)
            batch = [name for name in ("x", "y") if not bare and not loops and _mentions(text, name)]
            counter = [context.counter] if not bare and not loops and _mentions(text, context.counter) else []
            local = ("epochs", "warmup", "accumulate") if self.spelling.wrapper == "main" else ()
            flags = [flag for flag in local if _mentions(text, flag)]
            taken = [*(self.names[n] for n in things), *batch, *passed, *counter, *flags]
            given = [*(context.names[n] for n in things), *batch, *passed, *counter, *flags]
        first = ["self", *taken] if method else taken
        if node.name not in self.helpers:
            self.helpers[node.name] = [
                f"def {node.name}({', '.join(first)}):",
                *_indent(body),
                "",
                *([] if method else [""]),
            ]
        return [f"{'self.' if method else ''}{node.name}({', '.join(given)})"]

    def _closure(self, node: Closure, context: _Context) -> list[str]:
        body = self._block(node.body, replace(context, waiting=set()))
        result = [f"return {self._loss('', context.names)}"]
        return ["def closure():", *_indent([*body, *result]), f"{context.names['optimizer']}.step(closure)"]


def _loss_outside(block: Block) -> bool:
    outside = [node for node in block if not (isinstance(node, Loop) and node.over == "batches")]
    if any(isinstance(node, Op) and node.kind in "ABL" for node in outside):
        return True
    parts = (getattr(node, name, None) or () for node in outside for name in ("body", "orelse", "handler", "final"))
    return any(_loss_outside(part) for part in parts)


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w.]){name}\b", text) is not None


def _indent(lines: Sequence[str], times: int = 1) -> list[str]:
    return ["    " * times + line if line else line for line in lines]
