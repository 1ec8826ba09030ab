"""Edits as a fix that says what taking it means."""

from __future__ import annotations

from ..finding import Applicability, Edit, Fix, Restructuring


def safe(title: str, *edits: Edit) -> Fix:
    """The program keeps its meaning."""
    return Fix(title, Applicability.SAFE, edits)


def unsafe(title: str, *edits: Edit) -> Fix:
    """Training changes, and the title says so."""
    return Fix(f"{title} (changes training)", Applicability.UNSAFE, edits)


def unsafe_later(title: str, restructuring: Restructuring) -> Fix:
    """As `unsafe`; the edits are made when they are asked for."""
    return Fix(f"{title} (changes training)", Applicability.UNSAFE, None, restructuring)
