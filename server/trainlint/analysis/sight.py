"""How well the analysis sees a program: training loops that are understood in full, and a line put into words."""

from __future__ import annotations

import ast
import os
from dataclasses import dataclass

from ..cancel import CancelFlag
from ..program import effects as fx
from ..program.program import Entry, Program
from .paths.events import Event, Kind, Projection
from .paths.lifecycle import Intractable, run
from .places import Places
from .wiring.sets import wire


@dataclass(frozen=True, slots=True)
class LoopSight:
    """One training loop of the text; `blinders` are the calls in it that may have done anything to its gradients."""

    node: ast.AST
    blinders: tuple[str, ...]

    @property
    def understood(self) -> bool:
        return not self.blinders


def training_loops(program: Program) -> list[LoopSight]:
    """Every innermost loop in which a backward or a step of an optimizer runs; what blinds in loops within it counts."""
    found: dict[ast.AST, set[str]] = {}
    blinding: list[tuple[list[ast.AST], str]] = []
    places = Places(program)
    for entry in program.entries:
        wiring = wire(entry)
        for target in wiring.sets:
            for event in Projection(wiring, target).view(entry).events:
                around = [loop.node for loop in event.loops if loop.repeats and places.home(loop.node) is None]
                if not around:
                    continue
                if event.kind in (Kind.BACKWARD, Kind.STEP):
                    reasons = found.setdefault(around[-1], set())
                    if not event.sure and len(wiring.sets) == 1:
                        reasons.add("it is not known which parameters this concerns")
                elif event.kind in (Kind.ANYTHING, Kind.COMPUTE):
                    assert isinstance(event.effect, fx.Unseen)
                    blinding.append((around, event.effect.text))
    for around, text in blinding:
        innermost = next((node for node in reversed(around) if node in found), None)
        if innermost is not None:
            found[innermost].add(text)
    return [LoopSight(node, tuple(sorted(reasons))) for node, reasons in found.items()]


def describe(path: str, program: Program, line: int, cancel: CancelFlag) -> str:
    """The loop or statement at `line` as the analysis sees it."""
    told: list[str] = []
    places = Places(program)
    for entry in program.entries:
        told.extend(_describe_entry(entry, places, line, cancel))
    blind = [
        f"  line {getattr(place.node, 'lineno', 0)}: {place.reason}"
        for place in program.blind
        if places.home(place.node) is None and (_covers(place.node, line) or getattr(place.node, "lineno", 0) == line)
    ]
    parts = [f"{path}:{line}"]
    parts.extend(told or ["  nothing that happens to gradients, optimizers or models is seen here"])
    if blind:
        parts.extend(["sight was lost at", *blind])
    if not program.complete:
        parts.append("the file is too large to be analysed in full")
    return "\n".join(parts)


def _describe_entry(entry: Entry, places: Places, line: int, cancel: CancelFlag) -> list[str]:
    wiring = wire(entry)
    told: list[str] = []
    for target in wiring.sets:
        view = Projection(wiring, target).view(entry)
        here = [event for event in view.events if _is_at(event.effect.site.node, line, places)]
        around = {loop for event in view.events for loop in event.loops if _is_at(loop.node, line, places)}
        inside = [event for event in view.events if around & set(event.loops)]
        if not here and not inside:
            continue
        try:
            seen = run(view, cancel)
        except Intractable:
            told.append(f"in {entry.name}: more paths than can be told apart")
            continue
        held = ", ".join(sorted(f"`{owner.name}`" for owner in target.owners)) or "parameters out of sight"
        names = " or ".join(dict.fromkeys(f"`{optimizer.name}`" for optimizer in target.optimizers))
        told.append(f"in {entry.name}: {names} holds {held}" + ("" if target.certain else " (likely)"))
        for event in here or inside:
            states = ", ".join(sorted(seen.met.get(event, ()))) or "never reached"
            doubt = "" if event.sure else " (possibly)"
            told.append(f"  {_where(event.effect.site.node, places)}: {_name(event)}{doubt}, gradients before: {states}")
    for effect in entry.effects:
        if isinstance(effect, fx.Unseen) and _is_at(effect.site.node, line, places) and not told:
            things = ", ".join(sorted(f"`{thing.name}`" for thing in effect.touches if thing.name))
            told.append(f"in {entry.name}: `{effect.text}` is out of sight" + (f" and receives {things}" if things else ""))
    return told


def _is_at(node: ast.AST, line: int, places: Places) -> bool:
    return getattr(node, "lineno", 0) == line and places.home(node) is None


def _where(node: ast.AST, places: Places) -> str:
    home = places.home(node)
    where = f"line {getattr(node, 'lineno', 0)}"
    return where if home is None else f"{os.path.basename(home.document.path)}, {where}"


def _covers(node: ast.AST, line: int) -> bool:
    return bool(getattr(node, "lineno", 0) <= line <= (getattr(node, "end_lineno", 0) or 0))


def _name(event: Event) -> str:
    if event.kind is Kind.ANYTHING or event.kind is Kind.COMPUTE:
        assert isinstance(event.effect, fx.Unseen)
        return f"`{event.effect.text}` is out of sight and may " + (
            "do anything to them"
            if event.kind is Kind.ANYTHING
            else "compute gradients" + (" or clear them" if event.clears else "")
        )
    return str(event.kind.value)
