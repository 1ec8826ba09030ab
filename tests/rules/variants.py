"""The same program written differently: what a fixture looks like in the files of other people."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator

Variant = Callable[[str], str]


def as_written(text: str) -> str:
    return text


def windows(text: str) -> str:
    return text.replace("\n", "\r\n")


def tabs(text: str) -> str:
    return re.sub(r"^(?: {4})+", lambda match: "\t" * (len(match.group()) // 4), text, flags=re.MULTILINE)


def no_final_newline(text: str) -> str:
    return text.rstrip("\n")


def emoji_above(text: str) -> str:
    return "# 🔥 trains 🏋🏽‍♀️\n" + text


def form_feeds(text: str) -> str:
    """A form feed before every top-level statement, in front of its line, as in old GNU sources."""
    lines = text.split("\n")
    for statement in ast.parse(text).body:
        decorators = getattr(statement, "decorator_list", ())
        first = min(node.lineno for node in (statement, *decorators))
        lines[first - 1] = "\f" + lines[first - 1]
    return "\n".join(lines)


def crowded(text: str) -> str:
    """Every call that is a statement of its own shares its line with another statement, beyond the BMP."""
    lines = text.split("\n")
    for statement in ast.walk(ast.parse(text)):
        if isinstance(statement, ast.Expr):
            number, column = statement.lineno - 1, statement.col_offset
            indent, rest = lines[number][:column], lines[number][column:]
            if not indent.strip():
                lines[number] = f'{indent}"🔥"; {rest}'
    return "\n".join(lines)


def continued(text: str) -> str:
    """Every call of a method that is a statement of its own goes on behind a backslash, in front of its last dot."""
    return _spliced(text, _backslashes(text))


def _backslashes(text: str) -> Iterator[Splice]:
    for statement in ast.walk(ast.parse(text)):
        call = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.lineno == call.func.end_lineno:
            value = call.func.value
            if value.end_lineno == call.lineno and value.end_col_offset is not None:
                yield call.lineno, value.end_col_offset, value.end_col_offset, f" \\\n{' ' * (call.col_offset + 4)}"


def on_one_line(text: str) -> str:
    """A condition or a context whose only statement fits on its line has it there: `if ready: step()`."""
    lines = text.split("\n")
    for block in ast.walk(ast.parse(text)):
        if isinstance(block, (ast.If, ast.With)) and len(block.body) == 1 and not getattr(block, "orelse", None):
            (inner,) = block.body
            above, below = block.lineno - 1, inner.lineno - 1
            simple = not hasattr(inner, "body") and inner.end_lineno == inner.lineno and below == above + 1
            if simple and lines[above].endswith(":") and not lines[above].lstrip().startswith("elif"):
                lines[above] = f"{lines[above]} {lines[below].lstrip()}"
                lines[below] = ""
    return "\n".join(lines)


def nested(text: str) -> str:
    """All that follows the imports stands in a decorated function of a function, which is called where it stood."""
    if _ANSWERS_IN_THE_MODULE.search(text):
        return text
    lines = text.split("\n")
    body = [statement for statement in ast.parse(text).body if not isinstance(statement, (ast.Import, ast.ImportFrom))]
    documented = bool(body) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    first = min((_first_line(statement) for statement in body[documented:]), default=len(lines)) - 1
    held = {number for node in ast.walk(ast.parse(text)) for number in _inside_of_strings(node)}
    inner = [
        f"        {line}" if line.strip() and number not in held else line for number, line in enumerate(lines[first:], first + 1)
    ]
    head = ["def main():", "    @functools.lru_cache(maxsize=None)", "    def work():"]
    return "\n".join([*lines[:first], "import functools", "", "", *head, *inner, "    work()", "", "", "main()", ""])


_ANSWERS_IN_THE_MODULE = re.compile(r"\bglobal\b|__main__|globals\(|import \*|__future__")


def _first_line(statement: ast.stmt) -> int:
    return min(node.lineno for node in (statement, *getattr(statement, "decorator_list", ())))


def _inside_of_strings(node: ast.AST) -> range:
    """The lines that begin within a string."""
    if isinstance(node, (ast.Constant, ast.JoinedStr)) and isinstance(getattr(node, "value", ""), str):
        return range(node.lineno + 1, (node.end_lineno or node.lineno) + 1)
    return range(0)


Splice = tuple[int, int, int, str]
"""Line, first and last column in UTF-8, and what stands there instead."""


def _spliced(text: str, splices: Iterable[Splice]) -> str:
    lines = [line.encode() for line in text.split("\n")]
    for line, start, end, new in sorted(splices, reverse=True):
        lines[line - 1] = lines[line - 1][:start] + new.encode() + lines[line - 1][end:]
    return b"\n".join(lines).decode()


VARIANTS: tuple[Variant, ...] = (
    as_written,
    windows,
    tabs,
    no_final_newline,
    emoji_above,
    form_feeds,
    crowded,
    continued,
    on_one_line,
    nested,
)
