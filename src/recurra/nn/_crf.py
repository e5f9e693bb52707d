"""A linear-chain conditional random field: exact likelihood by the forward algorithm, best paths by Viterbi's."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from recurra.nn._partition import LogPartition

FORBIDDEN = -1e4  # less than any score, and finite: infinities turn gradients into NaN


class Crf(nn.Module):
    """Scores of paths of labels: of their steps, which come from a network, and of transitions, which are learned.

        score(y | x) = first[y_1] + sum_t x[t, y_t] + sum_t transitions[y_t-1, y_t]

    (Lafferty et al., 2001; over a recurrent network: Huang et al., 2015). Forbidden transitions score -10,000.
    Steps beyond a row's length count for nothing; a row of no steps has likelihood 1.
    """

    keeps_state = takes_lengths = True

    forbids: Tensor
    forbids_first: Tensor

    def __init__(
        self,
        num_labels: int,
        forbidden: tuple[tuple[int, int], ...] = (),
        forbidden_first: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.transitions = nn.Parameter(torch.zeros(num_labels, num_labels))  # from, to
        self.first = nn.Parameter(torch.zeros(num_labels))
        forbids = torch.zeros(num_labels, num_labels, dtype=torch.bool)
        for before, after in forbidden:
            forbids[before, after] = True
        forbids_first = torch.zeros(num_labels, dtype=torch.bool)
        forbids_first[list(forbidden_first)] = True
        self.register_buffer("forbids", forbids, persistent=False)
        self.register_buffer("forbids_first", forbids_first, persistent=False)

    def forward(
        self,
        scores: Float[Tensor, "batch time label"],
        state: Float[Tensor, "batch label"] | None = None,
        lengths: Int[Tensor, "batch"] | None = None,
    ) -> tuple[Float[Tensor, "batch time label"], Float[Tensor, "batch label"] | None]:
        """Each label's best path up to each step, less the best of all; and the last of them, to go on from.

        Beyond a row's length the numbers of its last step are repeated.
        """
        transitions, first = self._transitions(), self._first()
        paths = []
        for t in range(scores.shape[1]):
            arrived = first if state is None else (state[:, :, None] + transitions).amax(1)
            now = arrived + scores[:, t]
            now = now - now.amax(1, keepdim=True)
            state = now if lengths is None or state is None else torch.where((t < lengths)[:, None], now, state)
            paths.append(state)
        return (torch.stack(paths, dim=1) if paths else torch.empty_like(scores)), state

    def log_likelihood(
        self,
        scores: Float[Tensor, "batch time label"],
        labels: Int[Tensor, "batch time"],
        lengths: Int[Tensor, "batch"],
    ) -> Float[Tensor, "batch"]:
        """log p(labels | scores) of each row."""
        partition = LogPartition.apply(scores, self._transitions(), self._first(), lengths)
        return self._path_score(scores, labels, lengths) - partition  # pyright: ignore[reportOperatorIssue]

    @torch.no_grad()
    def decode(
        self,
        scores: Float[Tensor, "batch time label"],
        lengths: Int[Tensor, "batch"],
        *,
        forbidden_last: tuple[int, ...] = (),
    ) -> Int[Tensor, "batch time"]:
        """The best path of each row that doesn't end in a label of `forbidden_last`; 0 beyond its length."""
        paths, _ = self.forward(scores, None, lengths)
        return best_paths(paths, self._transitions(), lengths, forbidden_last=forbidden_last)

    def _transitions(self) -> Float[Tensor, "label label"]:
        return self.transitions.masked_fill(self.forbids, FORBIDDEN)

    def _first(self) -> Float[Tensor, "label"]:
        return self.first.masked_fill(self.forbids_first, FORBIDDEN)

    def _path_score(self, scores: Tensor, labels: Tensor, lengths: Tensor) -> Float[Tensor, "batch"]:
        within = torch.arange(scores.shape[1], device=scores.device) < lengths[:, None]
        steps = scores.gather(2, labels[..., None])[..., 0]
        moves = self._transitions()[labels[:, :-1], labels[:, 1:]]
        total = (steps * within).sum(1) + (moves * within[:, 1:]).sum(1)
        return total + self._first()[labels[:, 0]] * (lengths > 0)


def best_paths(
    paths: Float[Tensor, "batch time label"],
    transitions: Float[Tensor, "label label"],
    lengths: Int[Tensor, "batch"],
    *,
    forbidden_last: tuple[int, ...] = (),
) -> Int[Tensor, "batch time"]:
    """Read the best paths back from what `Crf.forward` gives."""
    end = paths[torch.arange(len(paths)), lengths - 1].clone()
    end[:, list(forbidden_last)] += FORBIDDEN
    label = end.argmax(1)
    labels = torch.zeros(paths.shape[:2], dtype=torch.int64, device=paths.device)
    for t in range(paths.shape[1] - 1, -1, -1):
        if t < paths.shape[1] - 1:
            before = (paths[:, t] + transitions.T[label]).argmax(1)
            label = torch.where(t < lengths - 1, before, label)
        labels[:, t] = torch.where(t < lengths, label, 0)
    return labels
