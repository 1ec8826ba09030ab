"""A mistake is told where it sends the weights another way than the program without it, and not where it is mended."""

from __future__ import annotations

import sys
import types
import warnings
from collections import Counter
from functools import cache
from itertools import islice

import pytest
import torch
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook
from trainlint.engine import check
from trainlint.settings import Settings
from trainlint.source.document import Document
from trainlint.source.workspace import Workspace

from tests.oracle.given import MAIN, PARTS
from tests.oracle.planted import FAMILIES, Planted, programs

EVERY = 3
Weights = tuple[tuple[float, ...], ...]


@cache
def ways(main: str, parts: str) -> Weights | None:
    """The weights behind every step of a run, of all optimizers that ever stepped; None where it fails."""
    module = types.ModuleType("parts")
    met: dict[tuple[int, ...], list[torch.Tensor]] = {}
    found: list[tuple[float, ...]] = []

    def stepped(optimizer: Optimizer, args: object, kwargs: object) -> None:
        weights = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        met.setdefault(tuple(map(id, weights)), weights)
        found.append(tuple(float(number) for weight in weights for number in weight.detach().flatten()))

    before, hook = sys.argv, register_optimizer_step_post_hook(stepped)
    torch.manual_seed(0)
    sys.argv, sys.modules["parts"] = [MAIN], module
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(parts, PARTS, "exec"), vars(module))
            exec(compile(main, MAIN, "exec"), {"__name__": "__main__"})
    except (TypeError, RuntimeError):
        return None
    finally:
        hook.remove()
        sys.argv = before
        del sys.modules["parts"]
    return tuple(found)


def harmed(program: Planted) -> bool:
    """Its weights go another way, or it fails."""
    now, right = ways(program.main, program.parts), ways(program.right, program.right_parts)
    assert right is not None, program.right
    if now is None or len(now) != len(right):
        return True
    return any(
        len(one) != len(other) or not torch.allclose(torch.tensor(one), torch.tensor(other), rtol=1e-3, atol=1e-5)
        for one, other in zip(now, right, strict=True)
    )


def said(code: str, texts: dict[str, str]) -> set[int]:
    """The lines of the main file at which the code is told."""
    files = {f"/{path}": Document(f"/{path}", text) for path, text in texts.items()}
    report = check(files[f"/{MAIN}"], Workspace(files), Settings(extend_select=(code,)))
    return {finding.span.start.line for finding in report.findings if finding.code == code}


def disagreement(program: Planted) -> str | None:
    """What the analysis says although the numbers do not, or the other way round."""
    at, twin = said(program.code, program.files), said(program.code, program.right_files)
    if twin:
        return f"{program.code} is told at {sorted(twin)} of the right one:\n{program.right}"
    if harmed(program) and not at & program.lines:
        return f"{program.code} is not told at {sorted(program.lines)} but at {sorted(at)}:\n{program.main}"
    return f"{program.code} is told and harms nothing:\n{program.main}" if at and not harmed(program) else None


@pytest.mark.parametrize("family", [family.__name__ for family in FAMILIES])
def test_what_harms_is_told(family: str) -> None:
    chosen = list(islice((one for one in programs() if one.family == family), 0, None, EVERY))
    found = [one for one in map(disagreement, chosen) if one is not None]
    assert not found, "\n".join((f"{len(found)} of {len(chosen)}", *found[:3]))
    assert sum(map(harmed, chosen)) >= 3


def test_there_are_programs_enough_of_every_rule() -> None:
    assert all(count >= 9 for count in Counter(program.code for program in programs()).values())
