"""What is wrong with a file or with what is said to trainlint."""

from ..rule import Rule
from . import (
    unreadable_file,
)

RULES: tuple[Rule, ...] = (unreadable_file.RULE,)
