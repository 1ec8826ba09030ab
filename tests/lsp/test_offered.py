"""What the real rules offer in an editor: titles, edits that are made when a fix is chosen, and places that are equally right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from trainlint.engine import check
from trainlint.finding import Edit
from trainlint.fixes.apply import apply_edits
from trainlint.rules import RULES
from trainlint.source.text import SourceText

from tests.lsp.raw import Local
from tests.lsp.test_documents import URI, change, insertion, next_published
from tests.lsp.test_fixes import LITERALS, RESOLVES, actions, capabilities

HEAD = """\
import torch
from torch import nn

model = nn.Sequential(nn.Linear(3, 2), nn.Softmax(dim=1))  # 🔥
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
SOFTMAX = f"""\
{HEAD}for x, y in zip(torch.randn(5, 4, 3), torch.randint(0, 2, (5, 4))):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
"""
UNCLEARED = SOFTMAX.replace("    optimizer.zero_grad()\n", "").replace(", nn.Softmax(dim=1)", "")
NAMED = SOFTMAX.replace("optimizer.step()", "optimizer.step").replace(", nn.Softmax(dim=1)", "")


@pytest.fixture(params=[RESOLVES, LITERALS], ids=["resolves", "does not"])
def editor(request: pytest.FixtureRequest) -> Iterator[Local]:
    with Local(check, RULES) as client:
        client.initialize(capabilities(request.param))
        client.resolves = request.param is RESOLVES  # type: ignore[attr-defined]
        yield client


def offered(client: Local, text: str) -> list[dict[str, Any]]:
    client.open(URI, text)
    (diagnostic,) = next_published(client)["diagnostics"]
    found = actions(client, diagnostic["range"]["start"]["line"], only=["quickfix"])
    return [action for action in found if not action["title"].startswith(("Ignore", "Explain"))]


def applied(text: str, action: dict[str, Any]) -> str:
    (document,) = action["edit"]["documentChanges"]
    source = SourceText(text)
    made = []
    for edit in document["edits"]:
        places = []
        for name in ("start", "end"):
            line = source.line(edit["range"][name]["line"] + 1)
            units = line.encode("utf-16-le")[: 2 * edit["range"][name]["character"]]
            places.append(source.line_starts[edit["range"][name]["line"]] + len(units.decode("utf-16-le")))
        made.append(Edit(source.span(*places), edit["newText"]))
    return apply_edits(text, made)


def test_what_restructures_is_made_when_it_is_chosen(editor: Local) -> None:
    (fix,) = offered(editor, SOFTMAX)
    assert fix["title"] == "Leave out `nn.Softmax(dim=1)` (changes training)"
    if editor.resolves:  # type: ignore[attr-defined]
        assert "edit" not in fix
        fix = editor.call("codeAction/resolve", fix)["result"]
    assert applied(SOFTMAX, fix) == SOFTMAX.replace(", nn.Softmax(dim=1)", "")


def test_nothing_is_made_of_a_fix_for_a_text_that_has_changed() -> None:
    with Local(check, RULES) as client:
        client.initialize(capabilities(RESOLVES))
        (fix,) = offered(client, SOFTMAX)
        change(client, 2, insertion(0, 0, "# one line more\n"))
        assert "edit" not in client.call("codeAction/resolve", fix)["result"]


def test_of_two_places_that_are_equally_right_none_is_preferred(editor: Local) -> None:
    first, second = offered(editor, UNCLEARED)
    assert first["title"] == "Insert `optimizer.zero_grad()` before the backward (changes training)"
    assert second["title"] == "Insert `optimizer.zero_grad()` after the step (changes training)"
    assert "isPreferred" not in first and "isPreferred" not in second
    for fix in (first, second):
        assert applied(UNCLEARED, fix).count("optimizer.zero_grad()") == 1


def test_one_that_keeps_the_meaning_is_preferred(editor: Local) -> None:
    (fix,) = offered(editor, NAMED)
    assert (fix["title"], fix["isPreferred"]) == ("Call `optimizer.step()`", True)
