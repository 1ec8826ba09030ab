"""The report of a probe for people and for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from ..finding import Report
from ..output.colour import Palette
from ..output.json import as_object
from ..output.text import render as render_findings
from .observation import OptimizerSeen
from .status import Judged, Status, Verdict
from .verdict import VERSION, ProbeReport

_PLAIN = Palette()

_STYLES = {
    Verdict.LEARNING: "help",
    Verdict.PARTLY: "warning",
    Verdict.NOT_LEARNING: "error",
    Verdict.UNREACHED: "info",
    Verdict.FAILED: "error",
}

_MEANING = {
    Status.LEARNED: "",
    Status.DECAY_ONLY: "only weight decay moves them",
    Status.MOMENTUM_ONLY: "only momentum moves them",
    Status.ROUNDED_AWAY: "updates below the number format's resolution",
    Status.ZERO_GRADIENT: "their gradient is exactly zero",
    Status.NO_GRADIENT: "no backward pass gave them a gradient",
    Status.UNUSED: "nothing computes with them",
    Status.IN_NO_OPTIMIZER: "no optimizer holds them",
    Status.RATE_ZERO: "learning rate zero",
    Status.NOT_STEPPED: "no step applied a gradient to them",
    Status.STEP_SKIPPED: "the scaler skipped every step",
    Status.CLIPPED_AWAY: "clipping left nothing",
    Status.NON_FINITE: "NaN or infinite",
    Status.FROZEN: "",
    Status.FROZEN_BUT_CHANGED: "they require no gradient",
    Status.MOVED: "changed outside every step",
}


def render_json(report: ProbeReport) -> str:
    """One JSON object with a line end; numbers that are not finite are null."""
    return json.dumps(as_json(report), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def as_json(report: ProbeReport) -> dict[str, Any]:
    """What `render_json` prints."""
    optimizers = report.observation.optimizers
    return {
        "version": VERSION,
        "verdict": report.verdict.value,
        "reached": report.reached,
        "steps": report.steps,
        "limit": report.limit,
        "sandbox": report.sandbox,
        "parameters": [_parameter(each, [one.name or one.kind for one in optimizers]) for each in report.parameters],
        "buffers": [
            {"name": each.name, "model": each.model, "shape": each.shape, "changed": each.changed} for each in report.buffers
        ],
        "loss": _finite(report.loss),
        "optimizers": [_optimizer(each) for each in optimizers if not each.inner],
        "schedules": [
            {"kind": each.kind, "steps": each.steps, "rate_before": _finite(each.before), "rate_after": _finite(each.after)}
            for each in report.observation.schedulers
        ],
        "models": [{"name": each.name, "mode": each.training or None} for each in report.observation.models],
        "clips": [
            {"limit": _finite(each.limit), "norm": _finite(each.norm), "left": _finite(each.left)}
            for each in report.observation.clips
        ],
        "findings": as_object(Report(report.findings))["findings"],
        "stopped_by": report.stopped_by,
    }


def render_text(report: ProbeReport, palette: Palette = _PLAIN) -> str:
    """The verdict, the parameters by model and status, the findings with their source, and what to do."""
    blocks = [palette.paint(report.sentence, _STYLES[report.verdict]) + "\n"]
    if report.parameters:
        blocks.append(_table(report))
    if report.findings:
        blocks.append(render_findings(Report(report.findings), report.sources, palette).rstrip("\n") + "\n")
    if report.verdict is Verdict.FAILED and report.output.strip():
        tail = report.output.strip().splitlines()[-12:]
        blocks.append("The end of what it printed:\n" + "".join(f"  | {line}\n" for line in tail))
    if report.fault is not None:
        blocks.append("A defect of trainlint ended the watching:\n" + report.fault)
    if report.advice and not any(report.advice in each.message for each in report.findings):
        blocks.append(f"{palette.paint('What to do:', 'help')} {report.advice}\n")
    blocks.append(_footer(report))
    return "\n".join(blocks)


def _table(report: ProbeReport) -> str:
    """One line for each model and status, with sizes of gradient and update where they say something."""
    groups: dict[tuple[str, Status], list[Judged]] = {}
    for each in report.parameters:
        groups.setdefault((each.seen.model or "tensors", each.status), []).append(each)
    rows = [("", "parameters", "status", "gradient", "update/weight", "")]
    model = ""
    for (label, status), members in groups.items():
        shown = label if label != model else ""
        model = label
        rows.append(
            (
                shown,
                _members(label, members),
                _status(status, members),
                _gradient(members),
                _ratio(members),
                _MEANING[status],
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  " + "  ".join([*cells, row[5]]).rstrip())
    return "\n".join(lines) + "\n"


def _members(model: str, members: Sequence[Judged]) -> str:
    names = [each.seen.name.removeprefix(f"{model}.") for each in members]
    if len(names) == 1:
        return names[0]
    brief = f"{names[0]}, {names[1]}" if len(names) == 2 else f"{names[0]} … {names[-1]}"
    return f"{len(names)}: {brief}"


def _status(status: Status, members: Sequence[Judged]) -> str:
    least = min(each.fraction for each in members)
    if least >= 0.995 or status in (Status.FROZEN, Status.IN_NO_OPTIMIZER):
        return status.value
    most = max(each.fraction for each in members)
    low, high = _percent(least), _percent(most)
    return f"{status.value} {low}" if low == high else f"{status.value} {low} to {high}"


def _percent(fraction: float) -> str:
    return f"{fraction:.0%}" if fraction >= 0.01 or fraction == 0 else "<1%"


def _gradient(members: Sequence[Judged]) -> str:
    sizes = [each.seen.gradient_norm for each in members]
    return _range([size for size in sizes if size is not None])


def _ratio(members: Sequence[Judged]) -> str:
    ratios = []
    for each in members:
        update = each.seen.update_norm
        if update is not None and each.seen.weight_norm:
            ratios.append(update / each.seen.weight_norm)
    return _range(ratios) if any(ratios) else ""


def _range(values: Sequence[float]) -> str:
    if not values:
        return ""
    low, high = f"{min(values):.1e}", f"{max(values):.1e}"
    return low if low == high else f"{low} to {high}"


def _footer(report: ProbeReport) -> str:
    seen = report.observation
    steps = f"{_counted(report.steps, 'step', 'steps')}, {_counted(seen.backward_count, 'backward pass', 'backward passes')}"
    parts = [f"{steps} in {seen.seconds:.1f} s"]
    if report.sandbox is not None:
        parts.append(f"sandbox: {report.sandbox['level']}")
    if not seen.counterfactual:
        parts.append("no copy of the optimizer could be made: changed elements with a gradient count as learned")
    return "; ".join(parts) + ". It says nothing of branches that were not taken, nor whether training converges.\n"


def _counted(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def _parameter(each: Judged, optimizers: Sequence[str]) -> dict[str, Any]:
    seen = each.seen
    return {
        "name": seen.name,
        "model": seen.model,
        "shape": seen.shape,
        "optimizers": [optimizers[index] for index in seen.optimizers],
        "status": each.status.value,
        "fraction": each.fraction,
        "grad_norm": _finite(seen.gradient_norm),
        "update_norm": _finite(seen.update_norm),
        "weight_norm": _finite(seen.weight_norm),
    }


def _optimizer(each: OptimizerSeen) -> dict[str, Any]:
    return {
        "name": each.name or each.kind,
        "kind": each.kind,
        "rates": _finite(each.rates),
        "steps": each.completed,
        "skipped": each.skipped,
        "scale": _finite(each.scale),
    }


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_finite(each) for each in value]
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return value
