"""The cross-entropy of a linear map, beside torch's in float64 and a case done by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from recurra import ops
from recurra.errors import ConfigError
from recurra.ops import _plan, plan

SIZES = [
    (1, 1, 1),
    (2, 3, 10),
    (3, 2, 1),
    (7, 63, 10),
    (63, 7, 255),
    (1, 7, 257),
    (130, 16, 300),
    (300, 3, 2),
    (7, 2, 10007),
]
ours: Any = ops.linear_cross_entropy
REDUCTIONS = ["mean", "sum", "none"]


class Problem(NamedTuple):
    x: Tensor
    weight: Tensor
    bias: Any  # or None
    target: Tensor


def problem(rows: int, features: int, classes: int, *, bias: bool = True, seed: int = 0, ignored: int = 0) -> Problem:
    generator = torch.Generator().manual_seed(seed)

    def numbers(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    target = torch.randint(classes, (rows,), generator=generator)
    if ignored:
        target[::ignored] = -100
    return Problem(numbers(rows, features), numbers(classes, features), numbers(classes) if bias else None, target)


def torch_loss(x: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor, **options: Any) -> Tensor:
    return functional.cross_entropy(functional.linear(x, weight, bias), target, **options)


def run(loss: Any, task: Problem, dtype: torch.dtype = torch.float32, **options: Any) -> list[Tensor]:
    """The loss, and the gradients of what stands before the target, with something asked of each loss."""
    leaves = [None if t is None else t.detach().to(dtype).requires_grad_() for t in task[:3]]
    value = loss(*leaves, task.target, **options)
    asked = torch.linspace(0.5, 2, value.numel(), dtype=dtype).reshape(value.shape)
    grads = torch.autograd.grad(value, [leaf for leaf in leaves if leaf is not None], asked)
    return [value.detach(), *grads]


def assert_as_close_as_torch(task: Problem, **options: Any) -> None:
    """No further from float64 than twice torch's own float32, and a rounding error where torch happens to have none."""
    truth = run(torch_loss, task, torch.float64, **options)
    for mine, theirs, true in zip(run(ours, task, **options), run(torch_loss, task, **options), truth, strict=True):
        assert mine.shape == true.shape and mine.dtype == torch.float32
        least = 2e-7 * (1 + true.abs().max()) if true.numel() else 0
        assert (mine - true).norm() <= 2 * (theirs - true).norm() + least * math.sqrt(true.numel())


@pytest.fixture(params=ops.instruction_sets())
def instructions(request: pytest.FixtureRequest) -> Iterator[None]:
    with ops.use_instruction_set(request.param):
        yield


def test_a_case_by_hand():
    # Logits (0, ln 2, ln 5): probabilities 1/8, 2/8, 5/8.
    x = torch.tensor([[1.0]], requires_grad=True)
    weight = torch.tensor([[0.0], [math.log(2)], [math.log(5)]], requires_grad=True)
    loss = ours(x, weight, None, torch.tensor([1]))
    torch.testing.assert_close(loss, torch.tensor(math.log(4)))
    loss.backward()
    assert x.grad is not None and weight.grad is not None
    torch.testing.assert_close(weight.grad, torch.tensor([[1 / 8], [2 / 8 - 1], [5 / 8]]))
    torch.testing.assert_close(x.grad, torch.tensor([[-6 / 8 * math.log(2) + 5 / 8 * math.log(5)]]))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_it_is_torchs(instructions: None, size: tuple[int, int, int], reduction: str):
    assert_as_close_as_torch(problem(*size, bias=size[0] % 2 == 1), reduction=reduction)


@pytest.mark.parametrize("smoothing", [0.1, 1.0])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_smoothed_labels(instructions: None, size: tuple[int, int, int], smoothing: float):
    assert_as_close_as_torch(problem(*size), label_smoothing=smoothing)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("ignored", [1, 2, 5])
def test_ignored_rows(instructions: None, reduction: str, ignored: int):
    task = problem(41, 5, 300, ignored=ignored)
    mine = run(ours, task, reduction=reduction)
    for one, true in zip(mine, run(torch_loss, task, torch.float64, reduction=reduction), strict=True):
        torch.testing.assert_close(one, true.float(), equal_nan=True)
    assert (mine[1][::ignored] == 0).all()
    another = task._replace(target=task.target.where(task.target >= 0, 7))
    found = run(ours, another, ignore_index=7, reduction="none")
    assert (found[0][::ignored] == 0).all()


def test_an_ignored_row_may_hold_anything():
    task = problem(9, 5, 300, ignored=3)
    task.x[::3] = math.nan
    assert all(tensor.isfinite().all() for tensor in run(ours, task))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_no_rows(reduction: str):
    task = problem(0, 5, 30)
    for mine, true in zip(
        run(ours, task, reduction=reduction), run(torch_loss, task, reduction=reduction), strict=True
    ):
        torch.testing.assert_close(mine, true, equal_nan=True, rtol=0, atol=0)


def test_numbers_may_lie_anywhere():
    task = problem(20, 12, 300)
    together = run(ours, task)
    for x in (
        task.x.t().contiguous().t(),
        torch.stack([task.x, task.x], 1)[:, 0],
        torch.stack([task.x] * 2, -1)[..., 1],
    ):
        apart = (
            x,
            task.weight.t().contiguous().t(),
            torch.stack([task.bias] * 2, -1)[:, 0],
            torch.stack([task.target] * 2, -1)[:, 1],
        )
        assert not all(tensor.is_contiguous() for tensor in apart)
        leaves = [tensor.detach().requires_grad_() for tensor in apart[:3]]
        loss = ours(*leaves, apart[3])
        found = [loss, *torch.autograd.grad(loss, leaves, torch.tensor(0.5))]
        assert all(torch.equal(one, other) for one, other in zip(found, together, strict=True))


@pytest.mark.parametrize("sick", [math.nan, math.inf])
def test_a_sick_row_is_alone(instructions: None, sick: float):
    task = problem(20, 12, 300)
    well = run(ours, task, reduction="none")
    task.x[3, 5] = sick
    ill = run(ours, task, reduction="none")
    others = torch.arange(20) != 3
    for one, other in zip(ill[:2], well[:2], strict=True):
        assert torch.equal(one[others], other[others])
    assert ill[0][3].isnan() and ill[1][3].isnan().all() and ill[2].isnan().any()


@pytest.mark.parametrize("size", [1e4, -1e4, 1e30])
def test_large_logits_do_not_overflow(instructions: None, size: float):
    task = problem(6, 4, 300)
    assert_as_close_as_torch(task._replace(x=task.x * size))
    assert all(tensor.isfinite().all() for tensor in run(ours, task._replace(x=task.x * size)))


def test_logits_of_minus_infinity_are_no_choice(instructions: None):
    task = problem(5, 4, 40)
    assert task.bias is not None
    task.bias[::2] = -math.inf
    task.target[:] = torch.tensor([1, 3, 5, 7, 9])
    for mine, true in zip(run(ours, task), run(torch_loss, task), strict=True):
        torch.testing.assert_close(mine, true)


@pytest.mark.parametrize("size", [(700, 20, 3000), (1500, 20, 130), (130, 20, 300)], ids=str)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_any_number_of_threads_gives_the_same(size: tuple[int, int, int], smoothing: float):
    task, found = problem(*size), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(run(ours, task, label_smoothing=smoothing))
    torch.set_num_threads(1)
    assert all(torch.equal(one, other) for run_ in found[1:] for one, other in zip(run_, found[0], strict=True))


def test_other_rows_do_not_matter():
    task = problem(600, 12, 700)
    together = run(ours, task, reduction="sum")
    for rows in (1, 5, 130, 599):
        some = run(ours, Problem(task.x[:rows], task.weight, task.bias, task.target[:rows]), reduction="sum")
        assert torch.equal(some[1], together[1][:rows])


def test_only_what_is_needed_is_differentiated():
    task = problem(9, 5, 300)
    everything = run(ours, task)[1:]
    for i, grad in enumerate(everything):
        some: list[Any] = [tensor.clone().requires_grad_(i == j) for j, tensor in enumerate(task[:3])]
        ours(*some, task.target).mul(0.5).backward()
        assert torch.equal(some[i].grad, grad)
        assert [j for j, tensor in enumerate(some) if tensor.grad is not None] == [i]


def test_tied_weights_and_two_ways_back():
    task = problem(9, 5, 30)
    table = task.weight.clone().requires_grad_()
    inputs = torch.arange(9)

    def both(loss: Any, table: Tensor) -> Tensor:
        return loss(functional.embedding(inputs, table), table, None, task.target)

    loss = both(ours, table)
    once = torch.autograd.grad(loss, table, retain_graph=True)[0]
    again = torch.autograd.grad(loss, table)[0]
    assert torch.equal(once, again)
    torch.testing.assert_close(once, torch.autograd.grad(both(torch_loss, table), table)[0])


def test_without_gradients_nothing_is_kept():
    task = problem(9, 5, 300)
    weight = task.weight.clone().requires_grad_()
    loss = ours(task.x, weight, task.bias, task.target)
    plain = ours(*task)
    assert loss.grad_fn is not None and plain.grad_fn is None
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            found = ours(task.x, weight, task.bias, task.target)
        assert found.grad_fn is None and torch.equal(found, loss.detach()) and torch.equal(found, plain)


def test_writing_into_what_the_way_back_needs_is_noticed():
    task = problem(9, 5, 30)
    for tensor in (task.x, task.target):
        weight = task.weight.clone().requires_grad_()
        loss = ours(task.x, weight, task.bias, task.target)
        tensor.zero_()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_first_and_second_derivatives_in_float64(reduction: str):
    task = problem(4, 3, 5, ignored=3)
    leaves = [tensor.double().requires_grad_() for tensor in task[:3]]

    def loss(*leaves: Tensor) -> Tensor:
        return ours(*leaves, task.target, label_smoothing=0.2, reduction=reduction)

    assert torch.autograd.gradcheck(loss, leaves)
    assert torch.autograd.gradgradcheck(loss, leaves)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_second_and_third_derivatives(reduction: str):
    task = problem(6, 3, 20, ignored=4)

    def derivatives(loss: Any, dtype: torch.dtype) -> list[Tensor]:
        leaves = [tensor.to(dtype).requires_grad_() for tensor in task[:3]]
        value = loss(*leaves, task.target, label_smoothing=0.1, reduction=reduction)
        firsts = torch.autograd.grad(value, leaves, torch.ones_like(value), create_graph=True)
        asked = sum(((grad * grad.detach().cos()).sum() for grad in firsts), start=torch.zeros((), dtype=dtype))
        seconds = torch.autograd.grad(asked, leaves, create_graph=True)
        thirds = torch.autograd.grad(torch.stack([grad.square().sum() for grad in seconds]).sum(), leaves)
        return [*seconds, *thirds]

    truth = derivatives(torch_loss, torch.float64)
    for mine, true in zip(derivatives(ours, torch.float32), truth, strict=True):
        assert (mine.double() - true).norm() <= 2e-5 * true.norm().clamp(min=1.0)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("bias", [True, False])
def test_torch_accepts_the_operators(reduction: str, bias: bool):
    x, weight, bias_, target = problem(7, 5, 30, bias=bias, ignored=3)
    leaves = [None if t is None else t.clone().requires_grad_() for t in (x, weight, bias_)]
    forward = torch.ops.recurra.linear_cross_entropy_forward.default
    # With ignored rows, what is kept isn't all written: torch would compare what nobody wrote.
    torch.library.opcheck(forward, (*leaves, target.clamp(min=0), -100, 0.1, reduction, True))
    loss, softmax, logits = forward(x, weight, bias_, target, -100, 0.1, reduction, True)
    given = (*leaves, target, softmax, logits, loss.cos(), -100, 0.1, reduction, [True, True, bias])
    # There is a derivative of it, but not one that a compiler could trace: it runs torch's own operations.
    tests = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(torch.ops.recurra.linear_cross_entropy_backward.default, given, test_utils=tests)
    # Without logits, the way back runs forwards once more.
    without = forward(*leaves, target, -100, 0.1, reduction, False)
    mine = torch.autograd.grad(without[0].sum(), [leaf for leaf in leaves if leaf is not None])
    task = Problem(x, weight, bias_, target)
    leaves = [leaf for leaf in leaves if leaf is not None]
    value = ours(
        leaves[0], leaves[1], leaves[2] if bias else None, task.target, label_smoothing=0.1, reduction=reduction
    )
    assert all(
        torch.equal(one, other) for one, other in zip(mine, torch.autograd.grad(value.sum(), leaves), strict=True)
    )


def test_a_compiler_sees_one_graph_of_any_size():
    torch.compiler.reset()
    graphs = []

    def count(graph: Any, inputs: Any) -> Any:
        graphs.append(graph)
        return graph

    compiled = torch.compile(ours, fullgraph=True, dynamic=True, backend=count)
    for rows in (4, 9, 13):
        task = problem(rows, 5, 30)
        assert torch.equal(compiled(*task), ours(*task))
    assert len(graphs) == 1 and "linear_cross_entropy_forward" in str(graphs[0].graph)


def test_transforms_of_functions():
    task = problem(6, 5, 30)

    def loss(weight: Tensor) -> Tensor:
        return ours(task.x, weight, task.bias, task.target)

    grad = torch.func.grad(loss)(task.weight)
    torch.testing.assert_close(grad, run(ours, task)[2] / 0.5)


def test_autocast_computes_in_the_numbers_of_the_weights():
    task = problem(6, 5, 30)
    x = task.x.bfloat16()
    plain = ours(x.float(), *task[1:])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mine = ours(x, *task[1:])
    assert mine.dtype == torch.float32 and torch.equal(mine, plain)


def test_the_plan_says_who_computes(monkeypatch: pytest.MonkeyPatch):
    cpu = torch.device("cpu")
    mine = plan("linear_cross_entropy", dtype=torch.float32, device=cpu, training=True)
    assert mine.kernel == "native" and ops.instruction_set() in mine.reason
    for dtype, device, lacks in ((torch.float64, cpu, "torch.float64"), (torch.float32, torch.device("cuda"), "cuda")):
        other = plan("linear_cross_entropy", dtype=dtype, device=device, training=True)
        assert other.kernel == "torch" and lacks in other.reason
    monkeypatch.setattr(_plan, "_FORCED", "torch")
    assert plan("linear_cross_entropy", dtype=torch.float32, device=cpu, training=True).kernel == "torch"
    monkeypatch.setattr(_plan, "_FORCED", "native")
    with pytest.raises(ConfigError, match="RECURRA_KERNEL=native"):
        plan("linear_cross_entropy", dtype=torch.float64, device=cpu, training=True)


def test_a_target_that_is_no_class():
    for wrong in (30, -1):
        task = problem(6, 5, 30)
        task.target[4] = wrong
        with pytest.raises(IndexError, match=f"Target {wrong} is none of 30 classes"):
            ours(*task)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(6, 4)}, r"x \(6, 4\), weight \(30, 5\)"),
        ({"x": torch.zeros(2, 3, 5)}, "Flatten batch and time into rows first"),
        ({"bias": torch.zeros(29)}, r"bias \(29,\)"),
        ({"target": torch.zeros(5, dtype=torch.int64)}, r"target \(5,\)"),
        ({"target": torch.zeros(6)}, r"target is torch.float32; expected .* int64"),
        ({"weight": torch.zeros(30, 5, dtype=torch.float64)}, "expected one dtype"),
        ({"weight": torch.zeros(30, 5, device="meta")}, "expected one device"),
        ({"label_smoothing": 1.5}, "label_smoothing=1.5: expected a number from 0 to 1"),
        ({"reduction": "avg"}, "reduction='avg': no such reduction. Choose one of mean, sum, none"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(change: dict[str, Any], message: str):
    given: dict[str, Any] = {**problem(6, 5, 30)._asdict(), **change}
    with pytest.raises(ConfigError, match=message):
        ours(**given)
