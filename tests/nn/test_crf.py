from __future__ import annotations

from itertools import pairwise, product

import pytest
import torch

from recurra import nn

FORBIDDEN = ((0, 2), (1, 1))


def crf(labels: int = 3, *, forbidden: tuple[tuple[int, int], ...] = FORBIDDEN) -> nn.Crf:
    torch.manual_seed(1)
    field = nn.Crf(labels, forbidden, (2,)).double()
    torch.nn.init.normal_(field.transitions)
    torch.nn.init.normal_(field.first)
    return field


def score(field: nn.Crf, scores: torch.Tensor, path: tuple[int, ...]) -> float:
    """By the definition, step by step."""
    total = (-1e4 if path[0] == 2 else field.first[path[0]].item()) + scores[0, path[0]].item()
    for t in range(1, len(path)):
        move = path[t - 1], path[t]
        total += (-1e4 if move in FORBIDDEN else field.transitions[move].item()) + scores[t, path[t]].item()
    return total


@pytest.mark.parametrize("length", [1, 2, 4])
def test_all_paths_counted_one_by_one(length: int) -> None:
    field = crf()
    scores = torch.randn(2, 4, 3, dtype=torch.float64)
    lengths = torch.tensor([length, 4])
    labels = torch.tensor([[0, 1, 0, 1], [1, 0, 1, 2]])
    found = field.log_likelihood(scores, labels, lengths)
    best = field.decode(scores, lengths)
    for row, steps in enumerate(lengths.tolist()):
        paths = list(product(range(3), repeat=steps))
        totals = torch.tensor([score(field, scores[row], path) for path in paths], dtype=torch.float64)
        own = score(field, scores[row], tuple(labels[row, :steps].tolist()))
        torch.testing.assert_close(found[row].item(), own - totals.logsumexp(0).item())
        assert tuple(best[row, :steps].tolist()) == paths[int(totals.argmax())]
        assert not best[row, steps:].any()


def test_gradient_is_that_of_the_likelihood() -> None:
    field, lengths = crf(), torch.tensor([3, 1])
    labels = torch.tensor([[0, 1, 0], [1, 0, 0]])
    scores = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: field.log_likelihood(x, labels, lengths), (scores,))
    field.log_likelihood(scores, labels, lengths).sum().backward()
    assert field.transitions.grad is not None and field.transitions.grad[0, 2] == 0  # forbidden, so not learned


def test_a_last_label_can_be_forbidden() -> None:
    field, scores = crf(), torch.randn(8, 5, 3, dtype=torch.float64)
    best = field.decode(scores, torch.full((8,), 5), forbidden_last=(0, 2))
    assert (best[:, -1] == 1).all()


def test_forbidden_moves_are_never_taken() -> None:
    field = crf()
    scores = torch.zeros(1, 6, 3, dtype=torch.float64)
    scores[0, :, 1] = 50.0  # all steps would be label 1, which can't follow itself
    path = field.decode(scores, torch.tensor([6]))[0].tolist()
    assert not set(pairwise(path)) & set(FORBIDDEN)
    assert path[0] != 2


def test_float32_is_close_to_float64() -> None:
    field = crf(20, forbidden=())
    scores = 5 * torch.randn(4, 60, 20, dtype=torch.float64)
    labels, lengths = torch.randint(0, 20, (4, 60)), torch.tensor([60, 1, 30, 59])
    labels[:, 0] = 0
    exact = field.log_likelihood(scores, labels, lengths)
    torch.testing.assert_close(
        field.float().log_likelihood(scores.float(), labels, lengths).double(), exact, rtol=1e-5, atol=1e-4
    )


class _Likelihood(torch.nn.Module):
    """A field whose forward is its likelihood."""

    def __init__(self, field: nn.Crf) -> None:
        super().__init__()
        self.field = field

    def forward(self, *given: torch.Tensor) -> torch.Tensor:
        return self.field.log_likelihood(*given)


def test_gradients_of_all_that_is_learned() -> None:
    field, lengths = crf(), torch.tensor([3, 1, 0, 2])
    labels = torch.tensor([[0, 1, 0], [1, 0, 0], [0, 0, 0], [1, 2, 0]])
    scores, weights = torch.randn(4, 3, 3, dtype=torch.float64), torch.randn(4, dtype=torch.float64)

    def likelihood(transitions: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
        given = {"field.transitions": transitions, "field.first": first}
        return weights @ torch.func.functional_call(_Likelihood(field), given, (scores, labels, lengths))

    start = field.transitions.detach().clone().requires_grad_(), field.first.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(likelihood, start)


def test_paths_that_score_little_count_where_the_others_are_forbidden() -> None:
    field = crf()
    scores = torch.zeros(1, 4, 3, dtype=torch.float64)
    scores[0, :, 1] = 100.0  # less every other step, since label 1 can't follow itself
    totals = torch.tensor([score(field, scores[0], path) for path in product(range(3), repeat=4)], dtype=torch.float64)
    labels = torch.tensor([[0, 1, 0, 1]])
    found = field.log_likelihood(scores, labels, torch.tensor([4])).item()
    torch.testing.assert_close(found, score(field, scores[0], (0, 1, 0, 1)) - totals.logsumexp(0).item())
