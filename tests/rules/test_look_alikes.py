"""Libraries whose words look alike never cause a finding, whatever the same text would mean to others."""

from __future__ import annotations

import pytest

from tests.rules.cases import report
from tests.rules.look_alikes import SPELLINGS

OTHERS = {"chainer", "mxnet", "paddle", "mindspore", "oneflow", "tinygrad", "mlx", "autograd"}
# The same script with the library that these words belong to.
MEANT = {
    "oneflow/script": (("oneflow as flow", "torch as flow"), ("oneflow.nn", "torch.nn")),
    "oneflow/class": (("oneflow", "torch"),),
    "tinygrad/class": (("tinygrad.nn import optim", "torch import optim"), ("import tinygrad\n", "")),
    "autograd/class": (("autograd import elementwise_grad, numpy", "jax import numpy"),),
}  # fmt: skip


def test_each_library_is_spelt_in_several_ways() -> None:
    spelt = [name.partition("/")[0] for name in SPELLINGS]
    assert set(spelt) == OTHERS
    assert min(map(spelt.count, OTHERS)) >= 3


@pytest.mark.parametrize("name", SPELLINGS)
def test_nothing_is_found(name: str) -> None:
    assert not report(SPELLINGS[name]).findings


@pytest.mark.parametrize("name", MEANT)
def test_the_same_words_of_the_library_that_is_meant_are_found(name: str) -> None:
    text = SPELLINGS[name]
    for one, other in MEANT[name]:
        text = text.replace(one, other)
    assert report(text).findings
