"""Products of bfloat16: near enough to the truth in every form, and nothing else is touched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from cases.layers import FORMS, LAYERS, Form, LayerCase, Problem, errors, problem
from recurra.errors import ConfigError
from recurra.ops import _tape, instruction_sets, plan, recurrent, use_instruction_set
from recurra.ops._native import has_bfloat16
from recurra.ops._recurrent import _by_reference

# bfloat16 has 8 binary digits; the errors of many products cancel, those of few don't.
LIMIT, LIMIT_OF_FEW = 1e-2, 3e-2
# Where rounding turns a unit on or off, its gradient is there or isn't.
LIMIT_OF_RELU = 0.2
SIZES = [(5, 1, 1, 3), (3, 2, 7, 9), (7, 15, 2, 5), (16, 17, 31, 3), (33, 65, 3, 4), (1, 130, 130, 3)]
HERE: dict[str, Any] = {"dtype": torch.float32, "device": torch.device("cpu"), "training": True}


def in_bf16(task: Problem) -> Problem:
    return replace(task, recurrence=task.recurrence._replace(precision="bf16"))


def assert_near(task: Problem, limit: float = LIMIT) -> None:
    """Rounded, and no worse than that; where the instructions in use have no bfloat16, as in float32."""
    found, plain = in_bf16(task).run(), task.run()
    assert all(tensor.dtype is torch.float32 for tensor in found.values())
    if not has_bfloat16():
        assert [name for name in found if not torch.equal(found[name], plain[name])] == []
        return
    apart = errors(found, task.run(_by_reference, torch.float64))
    of_gradients = LIMIT_OF_RELU if task.recurrence.nonlinearity == "relu" else limit
    limits = {name: of_gradients if name.startswith("d ") else limit for name in apart}
    assert {name: error for name, error in apart.items() if not error < limits[name]} == {}
    assert max(apart.values()) > 1e-5


@pytest.mark.parametrize("name", instruction_sets())
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_is_near_the_truth_in_any_size(case: LayerCase, size: tuple[int, int, int, int], name: str):
    rows, hidden, features, time = size
    with use_instruction_set(name):
        task = problem(case, rows=rows, hidden=hidden, features=features, time=time)
        assert_near(task, LIMIT if hidden > 4 else LIMIT_OF_FEW)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_is_near_the_truth_in_any_form(case: LayerCase, form: Form):
    assert_near(problem(case, rows=9, hidden=34, features=13, time=7, layers=2, bidirectional=True, form=form))


def test_relu_is_as_near_where_no_unit_is_turned():
    task = problem(LAYERS[1], rows=9, hidden=34, features=13, time=1)
    found, truth = in_bf16(task).run(), task.run(_by_reference, torch.float64)
    assert torch.equal(found["output"] > 0, truth["output"] > 0)
    assert max(errors(found, truth).values()) < LIMIT


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_neither_threads_nor_recomputing_change_a_bit(monkeypatch: pytest.MonkeyPatch, case: LayerCase, form: Form):
    task = in_bf16(problem(case, rows=30, hidden=65, features=20, time=9, bidirectional=True, form=form))
    alone = task.run()
    torch.set_num_threads(3)
    together = task.run()
    torch.set_num_threads(1)
    monkeypatch.setattr(_tape, "_GIVEN", "0")
    recomputed = task.run()
    for other in (together, recomputed):
        assert [name for name in alone if not torch.equal(alone[name], other[name])] == []


@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_other_rows_change_no_bit(case: LayerCase):
    task = in_bf16(problem(case, rows=13, hidden=33, features=5, time=6))
    whole = task.run()
    for rows in (slice(0, 1), slice(1, 13)):
        inputs = [tensor[:, rows] if i <= task.fields else tensor for i, tensor in enumerate(task.inputs)]
        part = replace(task, inputs=inputs, asked=[tensor[:, rows] for tensor in task.asked]).run()
        for name in ("output", "h_n", "c_n", "d x", "d h0", "d c0"):
            assert name not in whole or torch.equal(part[name], whole[name][:, rows])


@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_float32_is_not_touched(case: LayerCase):
    task = problem(case, rows=9, hidden=33, features=5, time=6, bidirectional=True)
    before = task.run()
    in_bf16(task).run()
    after = task.run()
    assert [name for name in before if not torch.equal(before[name], after[name])] == []


@pytest.mark.parametrize("name", instruction_sets())
def test_the_plan_says_what_is_multiplied(name: str):
    with use_instruction_set(name):
        reason = plan("lstm", **HERE, precision="bf16").reason
        if has_bfloat16():
            assert f"with {name} instructions, bf16 products, float32 sums; it stores" in reason
        else:
            assert reason.endswith(
                f"; torch.float32 products and not bf16, which {name} instructions can't multiply (AVX512_BF16 can)"
            )
    assert "bf16" not in plan("lstm", **HERE).reason


def test_the_plan_says_that_others_have_none():
    for options in ({"zoneout": 0.1}, {"proj_size": 2}, {"dtype": torch.float64}):
        reason = plan("lstm", **{**HERE, **options}, precision="bf16").reason
        assert "products and not bf16, which only recurra's own kernel has" in reason


def test_an_unknown_precision_is_refused():
    task = problem(LAYERS[2])
    x, h0, c0, *weights = task.inputs
    with pytest.raises(ConfigError, match="precision='fp8': no such"):
        recurrent(x, (h0, c0), weights, task.recurrence._replace(precision="fp8"), training=True)  # type: ignore[arg-type]
