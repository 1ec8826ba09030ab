"""Programs about what optimizers are given: learning rates, bounds of clips, closures. A number comes to its place in many ways.

The order is fixed and nothing is random.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import permutations, product

MAIN, PARTS = "program.py", "parts.py"


@dataclass(frozen=True)
class Program:
    """`main` is run, `parts` is a file that it may import; `arguments` are command lines, the plain one first."""

    family: str
    main: str
    parts: str = ""
    arguments: tuple[tuple[str, ...], ...] = ((),)


@dataclass(frozen=True)
class Carrier:
    """How a number comes to where it is used: `value` is the expression for it there, `{}` the number in what is before it."""

    value: str
    before: str = ""
    imports: str = ""
    parts: str = ""
    parameter: str = ""
    """A parameter of the function that trains, with the argument that it is given."""
    argument: str = ""
    options: bool = False
    """The command line may give another."""


_DATA_CLASS = "@dataclass\nclass Config:\n    epochs: int = 2\n    rate: float = {}\n"
_PARSER = 'parser = argparse.ArgumentParser()\nparser.add_argument("--rate", type=float, default={})\nargs = parser.parse_args()'
CARRIERS = {
    "literal": Carrier("{}"),
    "name": Carrier("RATE", "RATE = {}"),
    "arithmetic": Carrier("scale * 64 / 64", "scale = {} * 1"),
    "text": Carrier('float("{}")'),
    "argument": Carrier("rate", parameter="rate", argument="{}"),
    "default": Carrier("rate", parameter="rate={}"),
    "dictionary": Carrier('settings["rate"]', 'settings = {{"rate": {}, "epochs": 2}}'),
    "updated": Carrier('settings.get("rate")', 'settings = {{"rate": 0.5}}\nsettings.update(rate={})'),
    "merged": Carrier('settings["rate"]', 'base = {{"rate": 0.5}}\nsettings = {{**base, "rate": {}}}'),
    "data class": Carrier("config.rate", _DATA_CLASS + "\n\nconfig = Config()", "from dataclasses import dataclass"),
    "data class, given": Carrier(
        "config.rate", _DATA_CLASS.replace("{}", "0.5") + "\n\nconfig = Config(rate={})", "from dataclasses import dataclass"
    ),
    "replaced": Carrier(
        "config.rate", _DATA_CLASS.replace("{}", "0.5") + "\n\nconfig = replace(Config(), rate={})",
        "from dataclasses import dataclass, replace",
    ),
    "tuple": Carrier(
        "config.rate", "class Config(NamedTuple):\n    epochs: int = 2\n    rate: float = {}\n\n\nconfig = Config(3)",
        "from typing import NamedTuple",
    ),
    "class constant": Carrier("Config.rate", "class Config:\n    rate = {}\n"),
    "namespace": Carrier("config.rate", "config = SimpleNamespace(rate={}, epochs=2)", "from types import SimpleNamespace"),
    "option": Carrier("args.rate", _PARSER, "import argparse", options=True),
    "option, by name": Carrier('vars(args)["rate"]', _PARSER, "import argparse", options=True),
    "option, scaled": Carrier("args.rate * 2 / 2", _PARSER, "import argparse", options=True),
    "other file": Carrier("parts.RATE", "", "import parts", "RATE = {}\n"),
    "other file, by name": Carrier("RATE", "", "from parts import RATE", "RATE = {}\n"),
    "other file, config": Carrier("config.rate", "config = Config()", "from parts import Config",
                                  "from dataclasses import dataclass\n\n\n" + _DATA_CLASS),
    "other file, function": Carrier("rate_of(2)", "", "from parts import rate_of",
                                    "def rate_of(epochs):\n    return {} * epochs / 2\n"),
    "other file, options": Carrier("args.rate", "args = options()", "from parts import options",
                                   "import argparse\n\n\ndef options():\n    parser = argparse.ArgumentParser()\n"
                                   '    parser.add_argument("--rate", type=float, default={})\n    return parser.parse_args()\n',
                                   options=True),
}  # fmt: skip
NUMBERS = ("0", "0.0", "1e-10", "1000.0", "0.05")


@dataclass
class Body:
    """The statements of a program that trains; names are those of a script."""

    build: list[str]
    loop: list[str]
    start: list[str] = field(default_factory=lambda: ["model = nn.Linear(3, 1)"])
    epoch: list[str] = field(default_factory=list)
    """Behind the batches of an epoch."""


PLAIN = ["optimizer.zero_grad()", "loss = model(x).square().mean()", "loss.backward()", "optimizer.step()"]
SCALED = [
    "optimizer.zero_grad()",
    "scaler.scale(model(x).square().mean()).backward()",
    "scaler.step(optimizer)",
    "scaler.update()",
]
_HELD = ("model", "optimizer", "scheduler", "scaler", "other", "second")


def spell(carrier: Carrier, number: str, body: Body, wrapper: str, parts: str = "") -> tuple[str, str]:
    """The two files. `wrapper` is script, function or class."""
    fill = [part.replace("{{", "{").replace("}}", "}") for part in (carrier.before.replace("{}", number),)]
    lines = ["import torch", "from torch import nn", *carrier.imports.split("\n"), "", *fill[0].split("\n"), ""]
    inner = [*body.start, *body.build]
    loop = [
        "for epoch in range(2):",
        "    for x in torch.randn(3, 5, 3):",
        *(f"        {line}" for line in body.loop),
        *(f"    {line}" for line in body.epoch),
    ]
    argument = carrier.argument.replace("{}", number)
    parameter = carrier.parameter.replace("{}", number)
    if wrapper == "class":
        inner, loop = [[_of_self(line) for line in part] for part in (inner, loop)]
        if parameter:
            inner, loop = ["self.rate = rate", *inner], [_renamed(line, "rate") for line in loop]
        lines += [f"class Trainer:\n    def __init__(self{', ' + parameter if parameter else ''}):"]
        lines += [f"        {line}" for line in inner]
        lines += [
            "    def fit(self):",
            *(f"        {line}" for line in loop),
            "",
            f"trainer = Trainer({argument})",
            "trainer.fit()",
        ]
    elif wrapper == "function" or parameter:
        lines += [f"def train({parameter}):", *(f"    {line}" for line in (*inner, *loop)), "", f"train({argument})"]
    else:
        lines += [*inner, *loop]
    main = "\n".join("\n".join(lines).replace("{}", number).split("\n")) + "\n"
    beside = (carrier.parts.replace("{}", number).replace("{{", "{") if carrier.parts else "") + parts
    return main, beside


def _of_self(line: str) -> str:
    for name in _HELD:
        line = _renamed(line, name)
    return line


def _renamed(line: str, name: str) -> str:
    return re.sub(rf"(?<![\w.\"]){name}\b(?!=)", f"self.{name}", line)


BUILDS: dict[str, Callable[[str], list[str]]] = {
    "keyword": lambda value: [f"optimizer = torch.optim.SGD(model.parameters(), lr={value})"],
    "position": lambda value: [f"optimizer = torch.optim.Adam(model.parameters(), {value})"],
    "unpacked": lambda value: [
        f"given = dict(lr={value}, weight_decay=0.0)",
        "optimizer = torch.optim.AdamW(model.parameters(), **given)",
    ],
    "by name": lambda value: ['kind = "RMSprop"', f"optimizer = getattr(torch.optim, kind)(model.parameters(), lr={value})"],
    "group": lambda value: [f'optimizer = torch.optim.SGD([{{"params": model.parameters(), "lr": {value}}}], lr=0.5)'],
    "base": lambda value: [f'optimizer = torch.optim.SGD([{{"params": model.parameters()}}], lr={value})'],
}  # fmt: skip
_TWO = ["model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))", "old, new = model[0].parameters(), model[1].parameters()"]
GROUPS: dict[str, Callable[[str], list[str]]] = {
    "first of two": lambda value: [f'optimizer = torch.optim.SGD([{{"params": old, "lr": {value}}}, {{"params": new}}], 0.05)'],
    "last of two": lambda value: [f'optimizer = torch.optim.Adam([{{"params": old}}, {{"params": new, "lr": {value}}}], 0.01)'],
    "both": lambda value: [f'optimizer = torch.optim.SGD([{{"params": old, "lr": {value}}}, {{"params": new, "lr": {value}}}])'],
    "base of one": lambda value: [f'optimizer = torch.optim.SGD([{{"params": old}}, {{"params": new, "lr": 0.05}}], lr={value})'],
}  # fmt: skip


@dataclass(frozen=True)
class Later:
    """What changes a rate after the optimizer was built."""

    built: tuple[str, ...] = ()
    batch: tuple[str, ...] = ()
    epoch: tuple[str, ...] = ()


_OF = "torch.optim.lr_scheduler"
LATER = {
    "nothing": Later(),
    "written": Later(('for group in optimizer.param_groups: group["lr"] = 0.05',)),
    "warm-up by hand": Later(batch=('optimizer.param_groups[0]["lr"] = 0.01 * (epoch + 1)',)),
    "steps down": Later((f"scheduler = {_OF}.StepLR(optimizer, 1, gamma=0.5)",), epoch=("scheduler.step()",)),
    "decays": Later((f"scheduler = {_OF}.ExponentialLR(optimizer, 0.9)",), epoch=("scheduler.step()",)),
    "one cycle": Later((f"scheduler = {_OF}.OneCycleLR(optimizer, 0.05, total_steps=6)",), ("scheduler.step()",)),
    "from outside": Later(("optimizer.load_state_dict(torch.optim.SGD(nn.Linear(3, 1).parameters(), lr=0.05).state_dict())",)),
}
_SECOND = ["second = nn.Linear(3, 1)", "other = torch.optim.SGD(second.parameters(), lr=0.05)"]
_STEP_OF_SECOND = ["other.zero_grad()", "second(x).square().mean().backward()", "other.step()"]
WRAPPERS = ("script", "function", "class")


def _arguments(carrier: Carrier) -> tuple[tuple[str, ...], ...]:
    return ((), ("--rate", "0.05")) if carrier.options else ((),)


def rates() -> Iterator[Program]:
    """A rate by every way, into every form of construction, through a scaler and beside another optimizer."""
    for number, (name, carrier), wrapper in product(NUMBERS, CARRIERS.items(), WRAPPERS):
        for turn, (form, build) in enumerate(BUILDS.items()):
            place = len(name) + len(wrapper) + turn
            if form not in ("keyword", "group") and place % 3:
                continue
            loop, more = (SCALED, ['scaler = torch.amp.GradScaler("cpu", init_scale=2.0)']) if place % 4 == 1 else (PLAIN, [])
            body = Body([*build(carrier.value), *more], list(loop))
            if place % 5 == 2:
                body.build, body.loop = [*body.build, *_SECOND], [*body.loop, *_STEP_OF_SECOND]
            yield Program("rates", *spell(carrier, number, body, wrapper), _arguments(carrier))


def groups() -> Iterator[Program]:
    """The rate of one group of several."""
    for number, (_, carrier), (_, build), wrapper in product(NUMBERS, list(CARRIERS.items())[::2], GROUPS.items(), WRAPPERS[:2]):
        yield Program("groups", *spell(carrier, number, Body(build(carrier.value), PLAIN, _TWO), wrapper), _arguments(carrier))


def changed() -> Iterator[Program]:
    """A rate that something changes later, or leaves as small as it is."""
    for number, (_, carrier), later, wrapper in product(NUMBERS, list(CARRIERS.items())[::3], LATER.values(), WRAPPERS):
        build = [f"optimizer = torch.optim.SGD(model.parameters(), lr={carrier.value})", *later.built]
        body = Body(build, [*later.batch, *PLAIN], epoch=list(later.epoch))
        yield Program("changed", *spell(carrier, number, body, wrapper), _arguments(carrier))


def bounds() -> Iterator[Program]:
    """Gradients clipped by bounds that come to the clip in every way, between a backward and a step, or elsewhere."""
    known = [carrier for carrier in CARRIERS.values() if not carrier.options]
    numbers = ("0", "0.0", "1e-13", "1.0")
    clips = ("nn.utils.clip_grad_norm_(model.parameters(), {})", "nn.utils.clip_grad_value_(model.parameters(), {})",
             "nn.utils.clip_grad_norm_(model.parameters(), max_norm={})")  # fmt: skip
    for number, carrier, wrapper, (turn, clip) in product(numbers, known, WRAPPERS, enumerate(clips)):
        build = ["optimizer = torch.optim.SGD(model.parameters(), lr=0.1)"]
        for place in (4 - turn,) if turn else (3, 4, 0):
            loop = [*PLAIN[:place], clip.replace("{}", carrier.value), *PLAIN[place:]]
            yield Program("bounds", *spell(carrier, number, Body(build, loop), wrapper))


_MAKES = ("torch.optim.LBFGS(model.parameters())", "torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=1)",
          "torch.optim.LBFGS(model.parameters(), 0.5, max_iter=4)", "torch.optim.SGD(model.parameters(), lr=0.05)")  # fmt: skip
_IN_CLOSURE = {"Z": "optimizer.zero_grad()", "M": "model.zero_grad()", "B": "loss.backward()"}


def searches() -> Iterator[Program]:
    """Steps of LBFGS with a closure: its parts in every order and dropped, a clear before it, nothing or no closure given."""
    words = [word for size in (1, 2, 3) for word in permutations("ZBM", size) if "B" in word] + [("Z",), ()]
    ends = ("return loss", "pass")
    for make, word, end, before, wrapper in product(_MAKES, words, ends, ("", "Z"), WRAPPERS):
        inside = [_IN_CLOSURE[letter] for letter in word]
        forward = "loss = model(x).square().mean()"
        lines = [
            *([inside[0]] if word and word[0] != "B" else []),
            forward,
            *(inside[1:] if word and word[0] != "B" else inside),
            end,
        ]
        loop = [
            *([_IN_CLOSURE[before]] if before else []),
            "def closure():",
            *(f"    {line}" for line in lines),
            "optimizer.step(closure)",
        ]
        yield Program("searches", *spell(CARRIERS["literal"], "1", Body([f"optimizer = {make}"], loop), wrapper))
    for make, wrapper, given in product(_MAKES, WRAPPERS, ("", "loss", "lambda: loss")):
        loop = [*PLAIN[:3], f"optimizer.step({given})"]
        yield Program("searches", *spell(CARRIERS["literal"], "1", Body([f"optimizer = {make}"], loop), wrapper))


_FACTORY = """import torch


def build(model, rate):
    return torch.optim.SGD(model.parameters(), lr=rate)


def update(model, optimizer, x):
    optimizer.zero_grad()
    model(x).square().mean().backward()
    optimizer.step()
"""


def factories() -> Iterator[Program]:
    """Optimizers built, and stepped, by functions of another file."""
    for number, (name, carrier), wrapper in product(NUMBERS, CARRIERS.items(), WRAPPERS):
        if carrier.parts:
            continue
        carried = replace(carrier, imports=f"{carrier.imports}\nfrom parts import build, update")
        for loop in (["update(model, optimizer, x)"], PLAIN)[: 1 + len(name) % 2]:
            body = Body([f"optimizer = build(model, {carrier.value})"], list(loop))
            yield Program("factories", *spell(carried, number, body, wrapper, _FACTORY), _arguments(carrier))


FAMILIES: tuple[Callable[[], Iterator[Program]], ...] = (rates, groups, changed, bounds, searches, factories)


def programs() -> Iterator[Program]:
    """All programs, none twice."""
    seen: set[tuple[str, str]] = set()
    for family in FAMILIES:
        for program in family():
            if (program.main, program.parts) not in seen:
                seen.add((program.main, program.parts))
                yield program
