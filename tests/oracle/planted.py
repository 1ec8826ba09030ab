"""Programs with one mistake and the same programs without it, for rules that the orders of clear, backward and step do not show.

What numbers say decides: a program whose weights go another way than those of its `right` twin must be told of. The order is
fixed and nothing is random.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from tests.oracle.given import CARRIERS, MAIN, PARTS, PLAIN, WRAPPERS, Body, Carrier, spell

HERE = "  # here"
"""Stands behind the line that must be told of."""
_LOADER = "for x in torch.randn(3, 5, 3):"
_MAKES = {
    "SGD": "torch.optim.SGD({}.parameters(), lr=0.05)",
    "momentum": "torch.optim.SGD({}.parameters(), lr=0.05, momentum=0.9)",
    "Adam": "torch.optim.Adam({}.parameters(), lr=0.05)",
    "RMSprop": "torch.optim.RMSprop({}.parameters(), lr=0.01)",
}
_CLEAR, _LOSS, _BACKWARD, _STEP = PLAIN


@dataclass(frozen=True)
class Planted:
    """`main` has the mistake of `code`, `right` has it not; both may import `parts`."""

    family: str
    code: str
    main: str
    right: str
    parts: str = ""
    right_parts: str = ""

    @property
    def lines(self) -> frozenset[int]:
        """Where it must be told of, one of these."""
        return frozenset(number for number, line in enumerate(self.main.splitlines(), 1) if line.endswith(HERE.strip()))

    @property
    def files(self) -> dict[str, str]:
        return {MAIN: self.main, PARTS: self.parts}

    @property
    def right_files(self) -> dict[str, str]:
        return {MAIN: self.right, PARTS: self.right_parts}


def _optimizer(make: str, model: str = "model") -> str:
    return _MAKES[make].format(model)


def _pair(code: str, wrong: Body, right: Body, wrapper: str, carrier: Carrier | None = None, loader: str = _LOADER) -> Planted:
    carrier = carrier or CARRIERS["literal"]
    main, parts = spell(carrier, "1", wrong, wrapper)
    twin, _ = spell(carrier, "1", right, wrapper)
    return Planted("", code, main.replace(_LOADER, loader), twin.replace(_LOADER, loader), parts, parts)


def _swapped(lines: Iterable[str], old: str, new: str) -> list[str]:
    return [new if line == old else line for line in lines]


def uncalled() -> Iterator[Planted]:
    """A training method is named and not called, in every place, alone, under a condition and in a second loop."""
    schedule = "scheduler.step()"
    for make, wrapper, order in product(_MAKES, WRAPPERS, ("first", "last", "guarded")):
        build = [f"optimizer = {_optimizer(make)}", "scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)"]
        loop = [*PLAIN[1:], _CLEAR] if order == "last" else PLAIN
        for dropped in (_CLEAR, _STEP, _BACKWARD, schedule):
            named = dropped.removesuffix("()")
            guard = ["if epoch >= 0:"] if order == "guarded" else []
            indent = "    " * len(guard)

            def mended(lines: list[str], new: str, *, guard: list[str] = guard, old: str = dropped) -> list[str]:
                return [part for line in lines for part in ((*guard, new) if line == old else (line,))]

            wrong = Body(build, mended(loop, f"{indent}{named}{HERE}"), epoch=mended([schedule], f"{indent}{named}{HERE}"))
            right = Body(build, mended(loop, indent + dropped), epoch=mended([schedule], indent + dropped))
            yield _pair("TRN108", wrong, right, wrapper)


def wrong_clears() -> Iterator[Planted]:
    """Of two optimizers one is cleared two times and the other never."""
    other = ["other.zero_grad()", "second(x).square().mean().backward()", "other.step()"]
    for make, wrapper, beside, (missing, twice) in product(
        _MAKES, WRAPPERS, ("turns", "start", "end"), (("other", "optimizer"), ("optimizer", "other"))
    ):
        build = [f"optimizer = {_optimizer(make)}", f"other = {_optimizer(make, 'second')}"]
        start = ["model = nn.Linear(3, 1)", "second = nn.Linear(3, 1)"]
        if beside == "turns":
            loop = [*PLAIN, *other]
        elif beside == "start":
            loop = [_CLEAR, other[0], *PLAIN[1:], *other[1:]]
        else:
            loop = [*PLAIN[1:], *other[1:], _CLEAR, other[0]]
        wrong = _swapped(loop, f"{missing}.zero_grad()", f"{twice}.zero_grad()")
        marked = [line + HERE if line.startswith(f"{twice}.zero_grad") else line for line in wrong]
        yield _pair("TRN102", Body(build, marked, start), Body(build, loop, start), wrapper)


def attributes() -> Iterator[Planted]:
    """A rate is set on the optimizer, which looks at its groups."""
    values = {"lr": "0.001", "weight_decay": "0.5", "momentum": "0.5"}
    for make, wrapper, place, (name, value) in product(_MAKES, WRAPPERS, ("built", "batch", "epoch"), values.items()):
        if name == "momentum" and make in ("Adam", "RMSprop"):
            continue
        build = [f"optimizer = {_optimizer(make)}"]
        wrong = f"optimizer.{name} = {value}{HERE}"
        right = f'optimizer.param_groups[0]["{name}"] = {value}'
        bodies = [
            Body([*build, line], PLAIN) if place == "built"
            else Body(build, [line, *PLAIN]) if place == "batch"
            else Body(build, PLAIN, epoch=[line])
            for line in (wrong, right)
        ]  # fmt: skip
        yield _pair("TRN110", *bodies, wrapper)


_WARM_UP = """class WarmUp:
    def __init__(self, optimizer):
        self.optimizer = optimizer
        self.turns = 0
    def step(self):
        self.turns += 1
        for group in self.optimizer.param_groups:
            group["lr"] = 0.1 / self.turns
        self.optimizer.step()
    def zero_grad(self):
        self.optimizer.zero_grad()

"""


def wrapped() -> Iterator[Planted]:
    """The optimizer inside of a wrapper that would set its rate is stepped itself."""
    carriers = (
        Carrier("{}", _WARM_UP),
        Carrier("{}", "", "from parts import WarmUp", _WARM_UP),
        Carrier("{}", _WARM_UP.replace("self.optimizer", "self.inner").replace("optimizer)", "optimizer)")),
    )
    for make, wrapper, carrier, clear in product(_MAKES, WRAPPERS, carriers, ("other.zero_grad()", _CLEAR)):
        inner = "inner" if "self.inner" in carrier.before else "optimizer"
        build = [f"optimizer = {_optimizer(make)}", "other = WarmUp(optimizer)"]
        right = [clear, *PLAIN[1:3], "other.step()"]
        for call in (f"other.{inner}.step()", "optimizer.step()"):
            wrong = _swapped(right, "other.step()", call + HERE)
            yield _pair("TRN111", Body(build, wrong), Body(build, right), wrapper, carrier)


def rebuilt() -> Iterator[Planted]:
    """An optimizer is built for every batch and forgets what it knew."""
    carrier = Carrier("{}", "loader = torch.utils.data.DataLoader(torch.randn(15, 3), 5)")
    for make, wrapper, before, last in product(_MAKES, WRAPPERS, (True, False), (True, False)):
        built = f"optimizer = {_optimizer(make)}"
        loop = [*PLAIN, built + HERE] if last and before else [built + HERE, *PLAIN]
        bodies = Body([built] if before else [], loop), Body([built], PLAIN)
        yield _pair("TRN112", *bodies, wrapper, carrier, "for x in loader:")


def texts() -> Iterator[Planted]:
    """A rate that is a string, by every way that leaves it one."""
    for (_, carrier), wrapper, make in product(CARRIERS.items(), WRAPPERS, ("SGD", "Adam")):
        if "*" in carrier.value or "(" in carrier.value.replace("get(", "") or "float" in carrier.before + carrier.parts:
            continue
        built = f"optimizer = torch.optim.{make}(model.parameters(), lr={carrier.value})"
        main, parts = spell(carrier, '"0.05"', Body([built + HERE], PLAIN), wrapper)
        right, right_parts = spell(carrier, "0.05", Body([built], PLAIN), wrapper)
        yield Planted("", "TRN403", main, right, parts, right_parts)


def hyperparameters() -> Iterator[Planted]:
    """A number that an optimizer takes and that makes no sense, by every way that a number comes to it but the command line,
    which may bring another."""
    numbers = {
        ("SGD", "momentum={}"): ("9", "0.9"),
        ("RMSprop", "momentum={}"): ("1.0", "0.5"),
        ("Adam", "betas=({}, 0.9)"): ("0.999", "0.8"),
        ("Adam", "eps={}"): ("0.1", "1e-8"),
        ("SGD", "weight_decay={}"): ("10", "0.01"),
    }
    carriers = [carrier for carrier in CARRIERS.values() if not carrier.options]
    for carrier, ((make, given), (wrong, right)) in product(carriers, numbers.items()):
        wrapper = WRAPPERS[len(carrier.value + make) % len(WRAPPERS)]
        built = f"optimizer = torch.optim.{make}(model.parameters(), lr=0.01, {given.format(carrier.value)})"
        main, parts = spell(carrier, wrong, Body([built + HERE], PLAIN), wrapper)
        twin, right_parts = spell(carrier, right, Body([built], PLAIN), wrapper)
        yield Planted("", "TRN404", main, twin, parts, right_parts)


def divided_decays() -> Iterator[Planted]:
    """The decay goes through the gradient of Adam, which divides it by its size."""
    for wrapper, decay, order, apart in product(WRAPPERS, ("0.1", "1"), ("batches", "epochs"), ("sister", "told")):
        adam, scheduled = f"optimizer = torch.optim.Adam(model.parameters(), lr=0.05, weight_decay={decay})", order == "epochs"
        mended = adam.replace("Adam", "AdamW") if apart == "sister" else f"{adam[:-1]}, decoupled_weight_decay=True)"
        after = ["scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)"] if scheduled else []
        epoch = ["scheduler.step()"] if scheduled else []
        bodies = [Body([built, *after], PLAIN, epoch=epoch) for built in (adam + HERE, mended)]
        yield _pair("TRN405", *bodies, wrapper)


def restored() -> Iterator[Planted]:
    """A loaded state brings the rate that it was saved with."""
    for wrapper, make, rate in product(WRAPPERS, ("SGD", "Adam"), ("0.5", "0.05")):
        build = f"optimizer = torch.optim.{make}(model.parameters(), lr=0.05)"
        saved = f"torch.optim.{make}(nn.Linear(3, 1).parameters(), lr={rate}).state_dict()"
        again = 'for group in optimizer.param_groups: group["lr"] = 0.05'
        for load in ([f"optimizer.load_state_dict({saved})"], [f"state = {saved}", "optimizer.load_state_dict(state)"]):
            yield _pair("TRN409", Body([build + HERE, *load], PLAIN), Body([build, *load, again], PLAIN), wrapper)


def flags() -> Iterator[Planted]:
    """The mode of a model is set as an attribute, which none of its parts hears of."""
    start = ["model = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 1))"]
    build = [f"optimizer = {_optimizer('SGD')}"]
    for wrapper, attribute, place in product(WRAPPERS, ("training", "train"), ("after", "before")):
        wrong, right = f"model.{attribute} = True{HERE}", "model.train()"
        if place == "before":
            bodies = [Body(build, [line, *PLAIN, "model.eval()"], start) for line in (wrong, right)]
        else:
            bodies = [Body(build, PLAIN, start, epoch=["model.eval()", "model(x)", line]) for line in (wrong, right)]
        yield _pair("TRN109", *bodies, wrapper)


_FULL = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(3, 64)
        self.head = nn.Linear(64, 1)
    def forward(self, x):
        hidden = self.body(x)
        with torch.autocast("cpu", enabled=False):
            return self.head(hidden.float())

"""


def cast_backwards() -> Iterator[Planted]:
    """The backward of a part that was kept out of autocast is cast after all."""
    start = ["model = Net()"]
    for wrapper, make, inside in product(WRAPPERS, _MAKES, (True, False)):
        build, block = [f"optimizer = {_optimizer(make)}"], ['with torch.autocast("cpu"):', f"    {_LOSS}"]
        head, tail = ([], [f"    {_STEP}", _CLEAR]) if inside else ([_CLEAR], [_STEP])
        wrong = [*head, *block, f"    {_BACKWARD}{HERE}", *tail]
        right = [*head, *block, _BACKWARD, *(line.strip() for line in tail)]
        yield _pair("TRN805", Body(build, wrong, start), Body(build, right, start), wrapper, Carrier("{}", _FULL))


def needless_scalers() -> Iterator[Planted]:
    """Steps are skipped for a scale that bfloat16 has no use for."""
    for wrapper, make, clear in product(WRAPPERS, _MAKES, ("first", "last")):
        block = ['with torch.autocast("cpu", dtype=torch.bfloat16):', "    loss = (9 * model(x)).square().mean()"]
        steps = ["scaler.scale(loss).backward()", "scaler.step(optimizer)", "scaler.update()"]
        loop = [_CLEAR, *block, *steps] if clear == "first" else [*block, *steps, _CLEAR]
        scaler = 'scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127'
        build = [f"optimizer = {_optimizer(make)}"]
        bodies = [Body([*build, built], loop) for built in (f"{scaler}){HERE}", f"{scaler}, enabled=False)")]
        yield _pair("TRN806", *bodies, wrapper)


def windows() -> Iterator[Planted]:
    """Gradients of several batches: cleared at each of them, added up in full, or left over at the end of an epoch."""
    for wrapper, make, window, batches in product(WRAPPERS, _MAKES, (2, 3), (6, 7)):
        build, loader = [f"optimizer = {_optimizer(make)}"], f"for index, x in enumerate(torch.randn({batches}, 5, 3)):"
        waits = f"if (index + 1) % {window} == 0:"
        scaled = f"(loss / {window}).backward()"
        right = [_LOSS, scaled, waits, f"    {_STEP}", f"    {_CLEAR}"]
        each = [_CLEAR + HERE, _LOSS, scaled, waits, f"    {_STEP}"]
        yield _pair("TRN408", Body(build, each), Body(build, right), wrapper, loader=loader)
        behind = [_LOSS, scaled, waits, f"    {_STEP}", _CLEAR + HERE]
        yield _pair("TRN408", Body(build, behind), Body(build, right), wrapper, loader=loader)
        summed = _swapped(right, scaled, f"loss.backward(){HERE}")
        yield _pair("TRN406", Body(build, summed), Body(build, right), wrapper, loader=loader)
        dropped = _swapped(right, f"    {_STEP}", f"    {_STEP}{HERE}")
        flushed = _swapped(right, waits, f"{waits[:-1]} or index + 1 == {batches}:")
        if batches % window:  # how long a tensor is, is out of sight
            yield _pair("TRN407", Body(build, dropped), Body(build, flushed), wrapper, loader=loader)


FAMILIES: tuple[Callable[[], Iterator[Planted]], ...] = (
    uncalled, wrong_clears, attributes, wrapped, rebuilt, texts, hyperparameters, divided_decays, restored, flags,
    cast_backwards, needless_scalers, windows,
)  # fmt: skip


def programs() -> Iterator[Planted]:
    """All programs, none twice."""
    seen: set[tuple[str, str, str]] = set()
    for family in FAMILIES:
        for program in family():
            key = (program.code, program.main, program.parts)
            if key not in seen:
                seen.add(key)
                yield replace(program, family=family.__name__)
