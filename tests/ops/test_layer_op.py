"""The torch operators around the compiled kernel: what torch asks of an operator, and how modes, compilers and
processes get along with it."""

from __future__ import annotations

import multiprocessing
import threading
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.backends.common import aot_autograd
from torch._functorch._aot_autograd.utils import make_boxed_func

from cases.layers import LAYERS, LayerCase, problem
from cases.tolerances import assert_close
from recurra import ops
from recurra.errors import ConfigError
from recurra.ops import recurrent
from recurra.ops._layer_op import layer
from recurra.ops._recurrent import _by_reference

LSTM = next(case for case in LAYERS if case.name == "lstm")
GRU = next(case for case in LAYERS if case.name == "gru")


def operands(case: LayerCase, form: Any = "time first", *, grad: bool = True) -> tuple[Any, ...]:
    """What recurrent_forward takes, up to the options."""
    task = problem(case, rows=3, hidden=5, time=4, bidirectional=True, form=form)
    x, *rest = [tensor.clone().requires_grad_(grad) for tensor in task.inputs]
    state, weights = rest[: task.fields], rest[task.fields :]
    c0 = state[1] if len(state) == 2 else None
    resets = task.rows.get("resets")
    both = None if resets is None else torch.stack([resets, resets])
    return x, state[0], c0, weights, task.rows.get("lengths"), task.rows.get("batch_sizes"), both


@pytest.mark.parametrize("form", ["time first", "lengths", "packed", "resets"])
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_torch_accepts_the_forward_operator(case: LayerCase, form: Any):
    # What lengths leave unwritten of a tape is anybody's guess, and torch would compare it.
    options = (str(case), False, True, form == "time first", form != "lengths", False)
    torch.library.opcheck(torch.ops.recurra.recurrent_forward.default, (*operands(case, form), *options))


@pytest.mark.parametrize("case", [LSTM, GRU], ids=str)
def test_torch_accepts_the_backward_operator(case: LayerCase):
    taken = operands(case)
    out, _, c_n, tape = torch.ops.recurra.recurrent_forward(*taken, str(case), False, True, False, True, False)
    asked = (out.detach().cos(), None, c_n.detach().cos() if len(c_n) else None)
    wanted = [True, True, taken[2] is not None, *[True] * len(taken[3])]
    given = (*taken, out.detach(), tape, *asked, str(case), False, True, False, False, wanted)
    # There is a derivative of it, but not one that a compiler could trace: it runs the equations.
    tests = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(torch.ops.recurra.recurrent_backward.default, given, test_utils=tests)


@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_the_operator_gives_what_the_shortcut_gives(case: LayerCase):
    x, h0, c0, weights, *_ = operands(case)
    leaves = [t for t in (x, h0, c0, *weights) if t is not None]
    direct = layer(x, h0, c0, weights, cell=str(case), bidirectional=True)
    # Without a tape, the way back runs forwards once more; with `recompute`, it computes the gates again.
    for save, recompute in ((True, False), (True, True), (False, False)):
        options = (str(case), False, True, False, save, recompute)
        dispatched = torch.ops.recurra.recurrent_forward(x, h0, c0, weights, None, None, None, *options)
        assert all(torch.equal(one, other) for one, other in zip(direct, dispatched, strict=False))
        mine = torch.autograd.grad(dispatched[0].sum(), leaves)
        theirs = torch.autograd.grad(direct[0].sum(), leaves, retain_graph=True)
        assert all(torch.equal(one, other) for one, other in zip(mine, theirs, strict=True))


@pytest.mark.parametrize("form", ["time first", "batch first", "lengths", "packed", "resets"])
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_second_and_third_derivatives(case: LayerCase, form: Any):
    task = problem(case, rows=3, hidden=4, time=3, bidirectional=True, form=form, layers=2)

    def derivatives(kernel: Any, dtype: torch.dtype) -> list[Tensor]:
        inputs = [tensor.to(dtype).requires_grad_() for tensor in task.inputs]
        state, weights = tuple(inputs[1 : 1 + task.fields]), inputs[1 + task.fields :]
        output, end = kernel(inputs[0], state, weights)
        first = torch.autograd.grad((output, *end), inputs, [a.to(dtype) for a in task.asked], create_graph=True)
        asked = sum(((grad * grad.detach().cos()).sum() for grad in first), start=torch.zeros((), dtype=dtype))
        second = torch.autograd.grad(asked, inputs, create_graph=True)
        third = torch.autograd.grad(torch.stack([grad.square().sum() for grad in second]).sum(), inputs)
        return [*second, *third]

    def native(x: Tensor, state: Any, weights: Any) -> Any:
        return recurrent(x, state, weights, task.recurrence, training=True, **task.rows)

    def reference(x: Tensor, state: Any, weights: Any) -> Any:
        rows = (task.rows.get("batch_sizes"), task.rows.get("lengths"), task.rows.get("resets"))
        return _by_reference(x, state, weights, task.recurrence, True, *rows)

    found, truth = derivatives(native, torch.float32), derivatives(reference, torch.float64)
    for one, true in zip(found, truth, strict=True):
        assert (one.double() - true).norm() <= 2e-5 * true.norm().clamp(min=1.0)


def test_no_tape_is_kept_where_nobody_goes_back():
    task = problem(LSTM, rows=4, hidden=16, time=8)
    x, h0, c0, *weights = task.inputs

    def run() -> Any:
        output, end = recurrent(x, (h0, c0), weights, task.recurrence, training=True)
        return output, *end

    plain = run()
    assert all(tensor.grad_fn is None for tensor in plain)
    weights[0].requires_grad_()
    assert all(tensor.grad_fn is not None for tensor in run())
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            found = run()
        assert all(tensor.grad_fn is None and torch.equal(tensor, p) for tensor, p in zip(found, plain, strict=True))
        assert found[0].is_inference() == isinstance(mode, torch.inference_mode)


def test_only_what_is_needed_is_differentiated():
    task = problem(LSTM)
    inputs = [tensor.clone().requires_grad_() for tensor in task.inputs]
    output, _ = recurrent(inputs[0], (inputs[1], inputs[2]), inputs[3:], task.recurrence, training=True)
    all_of_them = torch.autograd.grad(output.sum(), inputs)
    for i, grad in enumerate(all_of_them):
        some = [tensor.clone().requires_grad_(i == j) for j, tensor in enumerate(task.inputs)]
        output, _ = recurrent(some[0], (some[1], some[2]), some[3:], task.recurrence, training=True)
        output.sum().backward()
        assert torch.equal(some[i].grad, grad)  # pyright: ignore[reportArgumentType]
        assert [j for j, tensor in enumerate(some) if tensor.grad is not None] == [i]


def test_writing_into_what_the_way_back_needs_is_noticed():
    task = problem(LSTM)
    for i in (0, 1, 3):
        inputs = [tensor.clone() for tensor in task.inputs]
        inputs[4].requires_grad_()
        output, _ = recurrent(inputs[0], (inputs[1], inputs[2]), inputs[3:], task.recurrence, training=True)
        inputs[i].add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            output.sum().backward()


@pytest.mark.parametrize("case", [LSTM, GRU], ids=str)
def test_autocast_computes_in_the_numbers_of_the_weights(case: LayerCase):
    task = problem(case, rows=3, hidden=8)
    x, state, weights = task.inputs[0], tuple(task.inputs[1 : 1 + task.fields]), task.inputs[1 + task.fields :]
    rounded = x.bfloat16()
    plain = recurrent(rounded.float(), state, weights, task.recurrence, training=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mine = recurrent(rounded, state, weights, task.recurrence, training=True)
    assert mine[0].dtype == torch.float32
    assert_close((mine[0], *mine[1]), (plain[0], *plain[1]))


@pytest.mark.parametrize("form", ["time first", "batch first", "lengths", "resets and lengths"])
@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_a_compiler_sees_one_graph_of_any_size(case: LayerCase, form: Any):
    torch.compiler.reset()
    # No two sizes are equal, or the graph would be one for equal sizes.
    options: Any = {"layers": 2, "hidden": 7, "features": 6, "bidirectional": "resets" not in form, "form": form}
    task = problem(case, rows=3, time=5, **options)
    weights = task.inputs[1 + task.fields :]

    def run(x: Tensor, *state: Tensor, **rows: Tensor) -> Any:
        output, end = recurrent(x, state, weights, task.recurrence, training=True, **rows)
        return output.sin(), *end

    graphs = []

    def count(graph: Any, inputs: Any) -> Any:
        graphs.append(graph)
        return graph

    compiled = torch.compile(run, fullgraph=True, dynamic=True, backend=count)
    for rows, time in ((3, 5), (8, 9), (11, 13)):
        other = problem(case, rows=rows, time=time, **options)
        given = other.inputs[: 1 + task.fields]
        assert_close(compiled(*given, **other.rows), run(*given, **other.rows))
    assert len(graphs) == 1


@pytest.mark.parametrize("case", [LSTM, GRU], ids=str)
def test_a_compiled_layer_trains(case: LayerCase):
    torch.compiler.reset()
    task = problem(case, rows=3, time=4, layers=2)

    def gradients(function: Any) -> Any:
        inputs = [tensor.clone().requires_grad_() for tensor in task.inputs]
        return torch.autograd.grad(function(*inputs), inputs)

    def loss(x: Tensor, *rest: Tensor) -> Tensor:
        output, end = recurrent(x, rest[: task.fields], rest[task.fields :], task.recurrence, training=True)
        return (output.square().sum() + end[0].sum()).exp().log()

    called = []

    def watch(graph: Any, inputs: Any) -> Any:
        called.extend(node for node in graph.graph.nodes if "recurrent_forward" in str(node.target))
        return make_boxed_func(graph.forward)

    compiled = torch.compile(loss, fullgraph=True, backend=aot_autograd(fw_compiler=watch))
    assert_close(gradients(compiled), gradients(loss), "gradient")
    # Each of the two layers runs forwards once, and keeps its tape for the way back.
    assert [node.args[-2] for node in called] == [True, True]


class _Layer(torch.nn.Module):
    def __init__(self, case: LayerCase) -> None:
        super().__init__()
        task = problem(case, layers=2, bidirectional=True)
        self.recurrence, self.fields = task.recurrence, task.fields
        self.weights = torch.nn.ParameterList(task.inputs[1 + task.fields :])

    def forward(self, x: Tensor) -> Tensor:
        state = (x.new_zeros(4, x.shape[1], 4),) * self.fields
        return recurrent(x, state, list(self.weights), self.recurrence, training=False)[0]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("case", [LSTM, GRU], ids=str)
def test_an_exported_layer_takes_any_batch_and_time(case: LayerCase, strict: bool):
    torch.compiler.reset()
    module = _Layer(case)
    sizes = ({0: torch.export.Dim("time"), 1: torch.export.Dim("batch")},)
    program = torch.export.export(module, (torch.randn(4, 3, 2),), dynamic_shapes=sizes, strict=strict)
    called = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert called.count("recurra.recurrent_forward.default") == 2
    for shape in ((4, 3, 2), (9, 2, 2), (3, 7, 2)):
        x = torch.randn(shape)
        assert_close(program.module()(x), module(x))


def test_threads_may_run_the_same_layer():
    task = problem(LSTM, rows=16, hidden=32, time=20)
    alone = task.run()
    found: list[Any] = []
    workers = [threading.Thread(target=lambda: found.append([task.run() for _ in range(5)])) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    runs = [run for of_worker in found for run in of_worker]
    assert len(runs) == 20
    assert all(torch.equal(run[name], alone[name]) for run in runs for name in alone)


def _run_in_child(queue: Any) -> None:
    torch.set_num_threads(2)
    queue.put({name: tensor.numpy() for name, tensor in problem(LSTM, rows=16, hidden=32, time=20).run().items()})


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_runs_it_too():
    torch.set_num_threads(2)
    here = problem(LSTM, rows=16, hidden=32, time=20).run()
    torch.set_num_threads(1)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_run_in_child, args=(queue,))
    child.start()
    there = queue.get(timeout=60)
    child.join()
    assert all(torch.equal(here[name], torch.from_numpy(there[name])) for name in here)


def test_a_set_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="Instruction set 'sse9' isn't compiled in"), ops.use_instruction_set("sse9"):
        pass
    before = ops.instruction_set()
    portable = ops.instruction_sets()[-1]
    with ops.use_instruction_set(portable):
        assert ops.instruction_set() == portable
    assert ops.instruction_set() == before
    assert before in ops.instruction_sets()
