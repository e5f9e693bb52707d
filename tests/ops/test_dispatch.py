"""The shortest calls are torch's, where torch has the layer at all."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from cases.layers import FORMS, LAYERS, Form, problem
from recurra.ops import Recurrence, _plan, plan
from recurra.ops import _recurrent as dispatch

HERE: dict[str, Any] = {"dtype": torch.float32, "device": torch.device("cpu"), "training": True}
CASES = {case.name: case for case in LAYERS}


@pytest.fixture
def kernels(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kernels that ran, by name, in their order."""
    monkeypatch.setattr(dispatch, "torch_is_faster", _plan.torch_is_faster)
    ran: list[str] = []
    for name in ("native", "torch", "reference"):
        kernel = getattr(dispatch, f"_by_{name}")
        monkeypatch.setattr(dispatch, f"_by_{name}", lambda *a, _k=kernel, _n=name: (ran.append(_n), _k(*a))[1])
    return ran


@pytest.mark.parametrize(
    ("case", "steps", "rows", "hidden", "kernel"),
    [
        ("rnn-tanh", 1, 4, 900, "torch"),
        ("rnn-relu", 4, 1, 900, "torch"),
        ("rnn-tanh", 5, 1, 4, "native"),
        ("rnn-tanh", 3, 8, 85, "torch"),
        ("rnn-tanh", 3, 8, 86, "native"),
        ("rnn-tanh", 4, 2, 4, "native"),
        ("gru", 2, 2, 900, "torch"),
        ("gru", 1, 8, 256, "torch"),
        ("gru", 1, 8, 257, "native"),
        ("gru", 2, 3, 4, "native"),
        ("lstm", 1, 1, 4, "native"),
        ("lstm-peephole", 1, 1, 4, "native"),
        ("gru-reset-before", 1, 1, 4, "native"),
    ],
)
@pytest.mark.parametrize("form", ["time first", "batch first"])
def test_what_runs_is_what_is_planned(
    kernels: list[str], case: str, steps: int, rows: int, hidden: int, kernel: str, form: Form
):
    task = problem(CASES[case], time=steps, rows=rows, hidden=hidden, form=form)
    task.run()
    assert kernels == [kernel]
    planned = task.recurrence.plan(**HERE, steps=steps, rows=rows, hidden_size=hidden)
    assert planned.kernel == kernel
    if kernel == "torch":
        assert f"for {steps} x {rows} rows of {hidden} units it is faster" in planned.reason


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("time first", "batch first")])
def test_what_torch_lacks_or_is_slow_at_stays(kernels: list[str], form: Form):
    problem(CASES["gru"], time=1, rows=1, form=form).run()
    assert kernels == ["native"]


def test_no_steps_stay(kernels: list[str]):
    problem(CASES["gru"], time=0, rows=1).run()
    assert kernels == ["native"]


def test_bfloat16_stays():
    sizes: Any = {"steps": 1, "rows": 1, "hidden_size": 4}
    assert plan("gru", **HERE, **sizes).kernel == "torch"
    expected = "native" if _plan.has_bfloat16() else "torch"
    assert plan("gru", **HERE, **sizes, precision="bf16").kernel == expected


def test_a_compiler_knows_no_sizes(kernels: list[str]):
    torch.compiler.reset()
    task = problem(CASES["gru"], time=1, rows=1)

    def run(x: torch.Tensor, h: torch.Tensor) -> Any:
        return dispatch.recurrent(x, (h,), task.inputs[2:], task.recurrence, training=True)[0]

    graphs = []

    def watch(graph: Any, inputs: Any) -> Any:
        graphs.append(str(graph.graph))
        return graph

    torch.compile(run, fullgraph=True, backend=watch)(*task.inputs[:2])
    assert "recurrent_forward" in graphs[0]


def test_a_forced_kernel_stays(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_plan, "_FORCED", "native")
    assert plan("gru", **HERE, steps=1, rows=1, hidden_size=4).kernel == "native"


def test_a_plan_without_sizes_says_that_they_matter():
    assert "few steps and rows that torch is faster" in Recurrence("gru").plan(**HERE).reason
    assert "few steps" not in Recurrence("gru").plan(**HERE, steps=9, rows=9, hidden_size=9).reason
    assert "few steps" not in Recurrence("lstm").plan(**HERE).reason
    assert "few steps" not in Recurrence("gru", reset_after=False).plan(**HERE).reason
