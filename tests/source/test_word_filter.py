"""Words are found as whole identifiers, as a pattern with word boundaries would find them."""

from __future__ import annotations

import re

import pytest
from trainlint.program.frameworks.table import MODEL_WORDS, TRAINING_WORDS
from trainlint.source.parse import word_filter

WORDS = TRAINING_WORDS | MODEL_WORDS
PATTERN = re.compile(r"\b(?:" + "|".join(sorted(map(re.escape, WORDS))) + r")\b")


@pytest.mark.parametrize("word", sorted(WORDS))
@pytest.mark.parametrize("around", ["{}", "x.{}(", "_{}", "{}_", "{}s {}", "é{}", "1{}", "({})\n", "{}é{}", "{0}{0} {0}", "-{}-"])
def test_a_word_is_found_where_it_is_an_identifier(word: str, around: str) -> None:
    text = around.replace("{0}", word).replace("{}", word)
    assert word_filter(WORDS).search(text) == bool(PATTERN.search(text))


def test_a_text_without_the_words_has_none() -> None:
    assert not word_filter(WORDS).search("forward, toward, scheduled, optimal = net.forwards(backwards)")
