"""The same program written differently: what a fixture looks like in the files of other people."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

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


VARIANTS: tuple[Variant, ...] = (
    as_written,
    windows,
    tabs,
    no_final_newline,
    emoji_above,
    form_feeds,
    crowded,
)
