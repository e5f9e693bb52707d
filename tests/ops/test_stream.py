from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from torch import Tensor

from cases.layers import LAYERS, LayerCase, problem
from recurra.errors import ConfigError
from recurra.ops import Recurrence, Stream, instruction_sets, recurrent, stream, use_instruction_set

NAN = float("nan")


def material(case: LayerCase, **options: Any) -> tuple[Stream, Tensor, Tensor, Tensor]:
    """A stream, an input (time, rows, features), the outputs of the whole sequence, and the state at its end."""
    task = problem(case, **options)
    x, weights = task.inputs[0], task.inputs[1 + task.fields :]
    state = tuple(torch.zeros_like(field) for field in task.inputs[1 : 1 + task.fields])
    output, end = recurrent(x, state, weights, task.recurrence, training=False)
    joined = torch.stack(end, dim=1) if len(end) == 2 else end[0]
    return stream(weights, task.recurrence, rows=x.shape[1]), x, output, joined.flatten()


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("name", instruction_sets())
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_steps_are_the_whole_sequence_bit_by_bit(case: LayerCase, name: str, bias: bool):
    for rows, hidden, features in ((1, 1, 1), (1, 17, 3), (5, 16, 20), (7, 130, 1), (13, 40, 40)):
        with use_instruction_set(name):
            stepping, x, output, end = material(
                case, rows=rows, hidden=hidden, features=features, layers=3, bias=bias, time=4
            )
            for step, expected in zip(x, output, strict=True):
                assert torch.equal(stepping.step(step), expected)
            assert_array_equal(stepping.state(), end)


@given(data=st.data(), case=st.sampled_from(LAYERS), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=20)
def test_it_does_not_matter_when_a_state_is_saved_forked_or_restored(data: Any, case: LayerCase, seed: int):
    stepping, x, output, _ = material(case, rows=2, layers=2, time=8, seed=seed)
    for step, expected in zip(x, output, strict=True):
        match data.draw(st.sampled_from(["go on", "fork", "another", "back"])):
            case "fork":
                stepping = stepping.fork()
            case "another":
                other = stepping.anew(rows=2)
                other.restore(stepping.state())
                stepping = other
            case "back":
                before = stepping.state()
                stepping.step(torch.randn(2, 2))
                stepping.restore(before)
            case _:
                pass
        assert torch.equal(stepping.step(step), expected)


def test_a_fork_goes_its_own_way_and_a_reset_begins_anew():
    stepping, x, output, _ = material(LAYERS[2], rows=2, time=4)
    stepping.step(x[0])
    fork = stepping.fork()
    fork.step(x[3])
    assert torch.equal(stepping.step(x[1]), output[1])
    stepping.reset()
    assert not stepping.state().any()
    assert torch.equal(stepping.step(x[0]), output[0])


def test_arrays_give_arrays_and_tensors_give_tensors():
    one, x, output, _ = material(LAYERS[2], rows=1, time=3, hidden=5)
    assert (one.rows, one.input_size, one.output_size) == (1, 2, 5)
    flat = one.step(x[0, 0].numpy())
    assert isinstance(flat, np.ndarray)
    assert flat.shape == (5,)
    assert_array_equal(flat, output[0, 0])
    assert_array_equal(one.step(x[1].numpy()), output[1])
    tensor = one.step(x[2, 0])
    assert torch.equal(tensor, output[2, 0])


@pytest.mark.parametrize("like", [np.empty, torch.empty], ids=["array", "tensor"])
def test_an_answer_may_be_written_where_one_likes(like: Any):
    stepping, x, output, _ = material(LAYERS[2], rows=2, time=3)
    room = like((2, 4), dtype=np.float32 if like is np.empty else torch.float32)
    for step, expected in zip(x, output, strict=True):
        assert stepping.step(step.numpy(), room) is room
        assert_array_equal(room, expected)


def test_weights_are_copied_and_inputs_left_alone():
    task = problem(LAYERS[2], rows=1)
    weights = task.inputs[3:]
    stepping = stream(weights, task.recurrence)
    x = torch.randn(2).numpy()
    x.flags.writeable = False
    expected = stepping.fork().step(x)
    for weight in weights:
        weight.fill_(NAN)
    assert_array_equal(stepping.step(x), expected)


def test_a_row_keeps_its_nan_to_itself():
    stepping, x, output, _ = material(LAYERS[2], rows=3, time=2)
    x[0, 1] = NAN
    for step, expected in zip(x, output, strict=True):
        found = stepping.step(step)
        assert found[1].isnan().all()
        assert torch.equal(found[[0, 2]], expected[[0, 2]])


def test_a_large_step_leaves_the_interpreter_to_others_but_not_the_stream():
    stepping, x, _, _ = material(LAYERS[2], rows=64, hidden=256, time=1)
    found: list[str] = []

    def step() -> None:
        for _ in range(1000):
            if found:
                return
            try:
                stepping.step(x[0])
            except RuntimeError as error:
                found.append(str(error))

    threads = [threading.Thread(target=step) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {"This stream is stepping in another thread. Give each thread a fork of its own."}


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros(3, np.float32), r"x has shape \(3\) and format 'f'; expected float32 of shape \(1, 2\) or \(2\)"),
        (np.zeros(2), "format 'd'; expected float32"),
        (np.zeros((2, 2), np.float32), r"shape \(2, 2\)"),
        (np.zeros((2, 2), np.float32)[:, 0], "not C-contiguous"),
        (torch.zeros(2, dtype=torch.float64), "format 'd'; expected float32"),
        (torch.zeros(1, 1, 2), r"shape \(1, 1, 2\)"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(x: Any, message: str):
    stepping, *_ = material(LAYERS[2], rows=1)
    with pytest.raises(ValueError, match=message):
        stepping.step(x)


def test_other_things_that_do_not_fit_are_refused():
    stepping, *_ = material(LAYERS[2], rows=1)
    x = np.zeros(2, np.float32)
    with pytest.raises(TypeError, match="reads and writes numpy arrays and torch tensors"):
        stepping.step([0.0, 1.0])  # pyright: ignore[reportArgumentType]
    with pytest.raises(RuntimeError, match="requires grad"):
        stepping.step(torch.zeros(2, requires_grad=True))
    with pytest.raises(ValueError, match="out has shape"):
        stepping.step(x, np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="read-only"):
        stepping.step(x, np.frombuffer(bytes(16), np.float32))
    with pytest.raises(ValueError, match=r"state has shape \(3\)"):
        stepping.restore(np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="rows=0 was given"):
        stepping.anew(rows=0)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "at least one layer"),
        ([("elman", np.zeros((4, 1)), np.zeros((4, 4)), None, None, None)], "no compiled cell"),
        ([("lstm", np.zeros((4, 1)), np.zeros((4, 4)), None, None, None)], "gates being 1, 3 or 4 times hidden"),
        ([("rnn-tanh", np.zeros((4, 1)), np.zeros((4, 4)), np.zeros(3), None, None)], "bias_ih has a size"),
        ([("rnn-tanh", np.zeros((4, 1)), np.zeros((4, 4)), None, np.zeros(5), None)], "bias_hh has a size"),
        ([("rnn-tanh", np.zeros((4, 1)), np.zeros((4, 4)), None, None, np.zeros(12))], "no other cell has one"),
        ([("lstm-peephole", np.zeros((4, 1)), np.zeros((4, 1)), None, None, None)], "has a weight_peephole"),
        ([("rnn-relu", np.zeros((4, 1)), np.zeros((4, 4)), None, None, None)] * 2, "as many features as the layer"),
    ],
)
def test_weights_that_do_not_fit_are_refused(layers: Any, message: str):
    as_floats: Any = [
        (name, *(None if array is None else array.astype(np.float32) for array in arrays)) for name, *arrays in layers
    ]
    with pytest.raises(ValueError, match=message):
        Stream(as_floats)


@pytest.mark.parametrize(
    ("recurrence", "dtype", "message"),
    [
        (Recurrence("lstm", bidirectional=True), torch.float32, "bidirectional=True: one direction begins at the last"),
        (Recurrence("lstm"), torch.float64, "own kernel has no torch.float64"),
        (Recurrence("gru", zoneout=0.1), torch.float32, "own kernel has no zoneout"),
    ],
)
def test_what_cannot_stream_says_why(recurrence: Recurrence, dtype: torch.dtype, message: str):
    with pytest.raises(ConfigError, match=message):
        stream([torch.zeros(4, 1, dtype=dtype)] * 4, recurrence)
