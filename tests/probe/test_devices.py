"""What the agent asks of accelerators, where there is none: nothing wakes them, and what it would ask of one is right."""

from __future__ import annotations

import time

import pytest
import torch
from trainlint.probe.agent import tensors
from trainlint.probe.agent.hooks import Attachment
from trainlint.probe.agent.recorder import Recorder
from trainlint.probe.observation import Observation
from trainlint.probe.protocol import BACKWARDS
from trainlint.probe.status import Status, judge


def test_watching_a_run_on_the_processor_wakes_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def woken() -> None:
        raise AssertionError("a device was initialised")

    monkeypatch.setattr(torch.cuda, "_lazy_init", woken)
    seen: list[Observation] = []
    recorder = Recorder(BACKWARDS, lambda observation, fault: seen.append(observation), lambda event: None, time.monotonic())
    attachment = Attachment(recorder)
    attachment.attach()
    try:
        model = torch.nn.Linear(4, 2)
        optimizer = torch.optim.Adam(model.parameters())
        for _ in range(2):
            optimizer.zero_grad()
            model(torch.randn(8, 4)).square().mean().backward()
            optimizer.step()
    finally:
        attachment.detach()
    (observation,) = seen
    assert {each.status for each in judge(observation)} == {Status.LEARNED}
    assert not torch.cuda.is_initialized()


def test_random_states_of_devices_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    state, told = [torch.zeros(2, dtype=torch.uint8)], []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: state)
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", told.append)
    tensors.random_state()()
    assert told == [state]


def test_nothing_is_read_while_a_graph_of_a_device_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not tensors.tracing()
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    assert tensors.tracing()


def test_no_operation_is_looked_at_while_a_graph_of_a_device_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking a tensor for its value would end the recording with an error, in the middle of the user's script."""
    recorder = Recorder(BACKWARDS, lambda observation, fault: None, lambda event: None, time.monotonic())
    attachment = Attachment(recorder)
    attachment.attach()
    try:
        assert not recorder.lineage.quiet()
        monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
        assert recorder.lineage.quiet()
    finally:
        monkeypatch.undo()
        attachment.detach()


def test_the_free_memory_is_that_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def free(device: torch.device) -> tuple[int, int]:
        asked.append(device)
        return 7, 9

    monkeypatch.setattr(torch.cuda, "mem_get_info", free)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 5)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 3)
    assert tensors.free_bytes(torch.device("cuda", 1)) == 7 + 5 - 3
    assert asked == [torch.device("cuda", 1)]
    assert tensors.free_bytes(torch.device("cpu")) > 1 << 20


def test_copies_lie_in_main_memory_and_are_compared_beside_the_original() -> None:
    tensor = torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    copy = tensors.stash(tensor)
    assert (copy.device.type, copy.requires_grad) == ("cpu", False)
    with torch.no_grad():
        tensor.add_(1)
    assert tensors.count(tensors.differs(tensors.beside(copy, tensor), tensors.local(tensor))) == 3
