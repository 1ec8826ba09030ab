"""What is wrong with a file or with what is said to trainlint."""

from ..rule import Rule
from . import (
    invalid_setting,
    unreadable_file,
    unused_suppression,
)

RULES: tuple[Rule, ...] = (
    unreadable_file.RULE,
    unused_suppression.RULE,
    invalid_setting.RULE,
)
