"""The contract of the compiled kernel, for every layer it computes and every instruction set of this machine."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.layers import FORMS, LAYERS, Form, LayerCase, assert_as_exact, problem, witness_of
from cases.tolerances import assert_close
from recurra.errors import ConfigError
from recurra.ops import Recurrence, instruction_sets, recurrent, use_instruction_set
from recurra.ops._recurrent import _by_reference

# rows, hidden, features, time: around whole vectors and tiles of rows, each number of a list once at least. One row of
# one unit would leave too much to luck.
SIZES = [
    (5, 1, 1, 1),
    (2, 3, 1, 2),
    (3, 2, 7, 50),
    (7, 15, 2, 5),
    (15, 16, 17, 3),
    (16, 17, 16, 3),
    (17, 7, 63, 2),
    (63, 63, 3, 2),
    (130, 16, 15, 2),
    (1, 130, 130, 3),
    (16, 130, 5, 2),
]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", instruction_sets())
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_is_as_exact_as_others_in_any_size(case: LayerCase, name: str, size: tuple[int, int, int, int]):
    rows, hidden, features, time = size
    with use_instruction_set(name):
        task = problem(case, rows=rows, hidden=hidden, features=features, time=time, bidirectional=rows % 2 == 0)
        assert_as_exact(task, witness_of(case, "time first"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", instruction_sets())
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_is_as_exact_as_others_in_any_form(case: LayerCase, name: str, form: Form):
    with use_instruction_set(name):
        task = problem(case, rows=9, hidden=18, time=7, layers=2, bidirectional=True, form=form)
        assert_as_exact(task, witness_of(case, form))


@given(
    case=st.sampled_from(LAYERS),
    name=st.sampled_from(instruction_sets()),
    rows=st.integers(1, 20),
    hidden=st.integers(1, 40),
    features=st.integers(1, 20),
    time=st.integers(1, 7),
    layers=st.integers(1, 3),
    bidirectional=st.booleans(),
    bias=st.booleans(),
    form=st.sampled_from(FORMS),
    seed=st.integers(0, 999),
)
@settings(deadline=None, max_examples=60)
def test_computes_the_equations(case: LayerCase, name: str, form: Form, **options: Any):
    task = problem(case, form=form, **options)
    with use_instruction_set(name):
        found = task.run()
    truth = task.run(_by_reference, torch.float64)
    assert list(found) == list(truth)
    assert_close(tuple(found.values()), tuple(tensor.float() for tensor in truth.values()), "gradient")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_threads_change_no_bit(case: LayerCase, form: Form):
    task = problem(case, rows=30, hidden=65, features=20, time=9, bidirectional=True, form=form)
    alone = task.run()
    for threads in (2, 4):
        torch.set_num_threads(threads)
        together = task.run()
        torch.set_num_threads(1)
        assert [name for name in alone if not torch.equal(alone[name], together[name])] == []


@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_other_rows_change_no_bit(case: LayerCase):
    task = problem(case, rows=13, hidden=33, features=5, time=6)
    whole = task.run()
    for rows in (slice(0, 1), slice(1, 4), slice(4, 13)):
        inputs = [tensor[:, rows] if i <= task.fields else tensor for i, tensor in enumerate(task.inputs)]
        asked = [tensor[:, rows] for tensor in task.asked]
        part = type(task)(task.recurrence, inputs, {}, asked).run()
        for name in ("output", "h_n", "c_n", "d x", "d h0", "d c0"):
            assert name not in whole or torch.equal(part[name], whole[name][:, rows])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_a_nan_stays_in_its_row(case: LayerCase, value: float):
    task = problem(case, rows=8, hidden=17, time=4)
    healthy = task.run()
    task.inputs[0][1, 3] = value
    ill = task.run()
    others = [0, 1, 2, 4, 5, 6, 7]
    for name in ("output", "h_n", "c_n", "d x", "d h0", "d c0"):
        assert name not in ill or torch.equal(ill[name][:, others], healthy[name][:, others])
    if value != value:
        assert ill["output"][1:, 3].isnan().all()
        assert not ill["output"][0].isnan().any()


@pytest.mark.parametrize("form", ["lengths", "resets and lengths"])
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_padding_is_neither_read_nor_left_unwritten(case: LayerCase, form: Form):
    task = problem(case, rows=9, hidden=17, time=6, layers=2, bidirectional=True, form=form)
    clean = task.run()
    padding = torch.arange(6)[:, None] >= task.rows["lengths"]
    task.inputs[0][padding] = float("nan")
    task.asked[0][padding] = float("nan")
    dirty = task.run()
    assert [name for name in clean if not torch.equal(clean[name], dirty[name])] == []
    assert not clean["output"][padding].any()
    assert not clean["d x"][padding].any()


@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_memory_may_lie_anyhow(case: LayerCase):
    task = problem(case, rows=5, hidden=18, features=3, time=6)

    def misaligned(tensor: torch.Tensor) -> torch.Tensor:
        room = torch.full((tensor.numel() + 1,), float("nan"))[1:].view(tensor.shape)
        return room.copy_(tensor)

    def spread(tensor: torch.Tensor) -> torch.Tensor:
        room = torch.full([2 * size for size in tensor.shape], float("nan"))
        return room[tuple(slice(None, None, 2) for _ in tensor.shape)].copy_(tensor)

    def turned(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.movedim(0, -1).contiguous().movedim(-1, 0)

    tidy = task.run()
    for layout in (misaligned, spread, turned):
        asked = [layout(tensor) for tensor in task.asked]
        found = type(task)(task.recurrence, [layout(t) for t in task.inputs], {}, asked).run()
        assert [name for name in tidy if not torch.equal(tidy[name], found[name])] == []


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_no_steps_and_no_rows(case: LayerCase, bidirectional: bool):
    task = problem(case, time=0, bidirectional=bidirectional)
    found = task.run()
    assert torch.equal(found["h_n"], task.inputs[1])
    assert torch.equal(found["d h0"], task.asked[1])
    assert not found["d weight 1"].any()
    found = problem(case, rows=0, bidirectional=bidirectional).run()
    assert found["output"].shape == (5, 0, 8 if bidirectional else 4)
    assert not found["d weight 0"].any()


@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_an_output_that_nobody_asks_about(case: LayerCase):
    task = problem(case, rows=4, hidden=17, time=3, bidirectional=True)
    inputs = [tensor.clone().requires_grad_() for tensor in task.inputs]
    fields = task.fields
    output, end = recurrent(
        inputs[0], tuple(inputs[1 : 1 + fields]), inputs[1 + fields :], task.recurrence, training=True
    )
    for one, asked in zip((output, *end), task.asked, strict=True):
        silent = [asked if other is one else torch.zeros_like(other) for other in (output, *end)]
        lone = torch.autograd.grad(one, inputs, asked, retain_graph=True, materialize_grads=True)
        every = torch.autograd.grad((output, *end), inputs, silent, retain_graph=True, materialize_grads=True)
        torch.testing.assert_close(lone, every, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda i: i[0].__setitem__(0, i[0][0][:, :2]),
            "x, h0 or c0 is torch.float32 of shape .5, 2, 2. on cpu; expected torch.float32 of shape .5, 3, 2.",
        ),
        (lambda i: i[0].__setitem__(2, i[0][2][:3]), "a weight is torch.float32 of shape .3, 2."),
        (lambda i: i[0].__setitem__(3, i[0][3].double()), "a weight is torch.float64"),
        (lambda i: i[1].__setitem__("lengths", torch.tensor([1, 2])), "lengths is torch.int64 of shape .2,."),
        (lambda i: i[1].__setitem__("lengths", torch.tensor([1, 2, 6])), "between 0 and the number of steps"),
        (lambda i: i[1].__setitem__("lengths", torch.tensor([-1, 2, 3])), "between 0 and the number of steps"),
        (lambda i: i[1].__setitem__("resets", torch.zeros(5, 2, dtype=torch.bool)), "resets is torch.bool of shape"),
    ],
)
def test_what_does_not_fit_is_refused(change: Any, message: str):
    task = problem(next(case for case in LAYERS if case.name == "gru"))
    inputs, rows = list(task.inputs), dict[str, torch.Tensor]()
    change((inputs, rows))
    with pytest.raises((ConfigError, ValueError), match=message):
        recurrent(inputs[0], (inputs[1],), inputs[2:], task.recurrence, training=True, **rows)


@pytest.mark.parametrize(
    "batch_sizes", [[3, 4], [3, 0], [2, 1], [3, 3, 3], [3, 1]], ids=["rise", "none", "fewer", "too many", "too few"]
)
def test_batch_sizes_that_do_not_fit_are_refused(batch_sizes: list[int]):
    x, h0 = torch.zeros(6, 2), torch.zeros(1, 3, 4)
    weights = [torch.zeros(4, 2), torch.zeros(4, 4), torch.zeros(4), torch.zeros(4)]
    with pytest.raises(ValueError, match="batch_sizes must"):
        recurrent(x, (h0,), weights, Recurrence("rnn"), training=True, batch_sizes=torch.tensor(batch_sizes))
