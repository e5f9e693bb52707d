from __future__ import annotations

import pytest
import torch

from cases.layers import FORMS, LAYERS, Form, LayerCase, problem
from recurra.errors import ConfigError
from recurra.ops import _tape, instruction_sets, recurrent, use_instruction_set


def test_a_tape_beyond_the_bound_is_not_kept(monkeypatch: pytest.MonkeyPatch):
    size = 4 * 10 * _tape.tape_width("lstm", 16, False)
    monkeypatch.setattr(_tape, "_GIVEN", str(size))
    assert not _tape.recomputes("lstm", 16, 10)
    assert _tape.recomputes("lstm", 16, 11)
    monkeypatch.setattr(_tape, "_GIVEN", "0")
    assert _tape.recomputes("lstm", 1, 1)
    monkeypatch.setattr(_tape, "_GIVEN", "1 GB")
    with pytest.raises(ConfigError, match="RECURRA_TAPE_BYTES='1 GB': expected a whole number of bytes"):
        _tape.recomputes("lstm", 16, 10)


def test_a_quarter_of_the_free_memory_is_the_bound(monkeypatch: pytest.MonkeyPatch):
    rows = 2**30 // (4 * _tape.tape_width("lstm", 64, False))  # a tape of 1 GiB
    monkeypatch.setattr(_tape, "free_memory", lambda: 2**32)
    assert not _tape.recomputes("lstm", 64, rows)
    assert _tape.recomputes("lstm", 64, rows + 1)
    # Small ones don't ask.
    monkeypatch.setattr(_tape, "free_memory", lambda: 0)
    assert not _tape.recomputes("lstm", 64, rows // 1024)


def test_free_memory_is_what_the_system_says():
    assert 2**26 < _tape.free_memory() < 2**46


def test_the_memory_of_a_large_tape_is_used_again():
    shape = (2, 3, 2**18)
    first = _tape.new_tape(shape)
    assert first.shape == shape and first.is_contiguous() and first.dtype is torch.float32
    at = first.data_ptr()
    second = _tape.new_tape(shape)
    assert second.data_ptr() != at
    del first
    third = _tape.new_tape(shape)
    assert third.data_ptr() == at
    part = third[1, 2]
    del third
    # Whoever still reads a part of it keeps it.
    part.fill_(1)
    _tape.new_tape(shape).fill_(2)
    assert (part == 1).all()


@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_a_tape_stays_until_the_way_back(monkeypatch: pytest.MonkeyPatch, case: LayerCase):
    monkeypatch.setattr(_tape, "_WORTH_KEEPING", 0)
    task = problem(case, rows=9, hidden=18, time=12)
    expected = task.run()["d x"]
    x, *rest = [tensor.clone().requires_grad_() for tensor in task.inputs]
    output, end = recurrent(x, tuple(rest[: task.fields]), rest[task.fields :], task.recurrence, training=True)
    for other in (1, 2, 3):
        problem(case, rows=9, hidden=18, time=12, seed=other).run()
    assert torch.equal(torch.autograd.grad((output, *end), x, task.asked)[0], expected)


@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_recomputing_takes_less_memory(case: LayerCase):
    stored, recomputed = (_tape.tape_width(str(case), 64, recompute) for recompute in (False, True))
    assert recomputed <= 64
    assert stored >= recomputed


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_recomputing_changes_nothing(monkeypatch: pytest.MonkeyPatch, case: LayerCase, form: Form):
    for name in instruction_sets():
        with use_instruction_set(name):
            task = problem(case, rows=9, hidden=18, time=12, layers=2, bidirectional=True, form=form)
            stored = task.run()
            monkeypatch.setattr(_tape, "_GIVEN", "0")
            recomputed = task.run()
            monkeypatch.setattr(_tape, "_GIVEN", None)
            assert [key for key in stored if not torch.equal(stored[key], recomputed[key])] == []


def test_a_tape_of_another_instruction_set_is_refused():
    task = problem(LAYERS[2], rows=9, hidden=18)
    x, h0, c0, *weights = [tensor.requires_grad_() for tensor in task.inputs]
    best, portable = instruction_sets()[0], instruction_sets()[-1]
    with use_instruction_set(portable):
        output, _ = recurrent(x, (h0, c0), weights, task.recurrence, training=True)
    with use_instruction_set(best):
        if best != portable:
            with pytest.raises(ConfigError, match=f"The way forward ran with {portable} instructions"):
                output.sum().backward()
