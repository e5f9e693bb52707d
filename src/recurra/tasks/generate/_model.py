"""What is trained and measured of a language model: its loss, the state it carries, and the bits of a text."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from recurra import ops
from recurra.nn import AdaptiveSoftmax, Network
from recurra.nn import NetworkState as State
from recurra.tasks.generate._composition import INPUT, NEXT, READ

_NUMBERS = 1 << 24  # scores at once
_SHORTEST_ROW = 2_000  # pieces, where speed comes before an exact beginning
_LONGEST_ROW = 500_000


class CarriedLoss:
    """The loss of batch after batch of running text, which goes on in each from the state that the last one left.

    Nats a piece. The state goes into checkpoints (`state_dict`), and gradients don't follow it (Mikolov et al., 2010).
    """

    def __init__(self) -> None:
        self._state: State | None = None

    def __call__(self, network: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        assert isinstance(network, Network)
        hidden, state = read(network, batch["codes"], None if batch["begins"] else self._state)
        self._state = detached(state)
        return loss(network, hidden, batch["target"])

    def state_dict(self) -> dict[str, Any]:
        """What the next batch goes on from."""
        return {"state": self._state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self._state = state["state"]


def read(network: Network, codes: Tensor, state: State | None) -> tuple[Tensor, State]:
    """What the last layer makes of codes (B, T, 1), (B, T, H), and the state after them."""
    values, after = network.run({INPUT: codes}, state, names=(READ,))
    return values[READ], after


def head(network: Network) -> Any:
    """The module that says what comes next."""
    return network.chains[NEXT][0]  # pyright: ignore[reportIndexIssue]


def loss(network: Network, hidden: Tensor, target: Tensor) -> Tensor:
    """The mean of -log p(target) over (B, T), in nats."""
    last = head(network)
    rows, wanted = hidden.flatten(0, 1), target.flatten()
    if isinstance(last, AdaptiveSoftmax):
        return last.loss(rows, wanted)
    return ops.linear_cross_entropy(rows, last.weight, last.bias, wanted)


def nats(network: Network, hidden: Tensor, target: Tensor) -> Tensor:
    """-log p(target), (B, T)."""
    last = head(network)
    rows, wanted = hidden.flatten(0, 1), target.flatten()
    if isinstance(last, AdaptiveSoftmax):
        return -nn.AdaptiveLogSoftmaxWithLoss.forward(last, rows, wanted).output.view_as(target)
    return ops.linear_cross_entropy(rows, last.weight, last.bias, wanted, reduction="none").view_as(target)


def detached(state: Any) -> Any:
    """A state without its history of gradients."""
    if isinstance(state, Tensor):
        return state.detach()
    if isinstance(state, dict):
        return {name: detached(part) for name, part in state.items()}
    return tuple(detached(part) for part in state)


def steps_at_once(rows: int, categories: int) -> int:
    """Steps of so many rows whose scores fit in memory well."""
    return max(16, min(512, _NUMBERS // (rows * categories)))


@torch.no_grad()
def spent_bits(network: Network, codes: np.ndarray, *, begin: int, exact: bool = True) -> np.ndarray:
    """How many bits each piece (N,) of running text costs, float64, the state carried from its beginning.

    `begin` is the code that the first piece is said to follow. Without `exact`, and in texts beyond half a million
    pieces, rows of the text are read side by side, each from the zero state.
    """
    longest = _LONGEST_ROW if exact else _SHORTEST_ROW
    rows = max(1, min(64, len(codes) // longest))
    length = -(-len(codes) // rows)
    # The last row is filled up with pieces that aren't counted.
    padded = np.zeros(rows * length + 1, np.int64)
    padded[0] = begin
    padded[1 : len(codes) + 1] = codes
    text = torch.from_numpy(padded)
    before, after = text[:-1].reshape(rows, length), text[1:].reshape(rows, length)
    spent, state = [], None
    step = steps_at_once(rows, network.composition.branches[-1].blocks[0].width(0))
    for start in range(0, length, step):
        part = slice(start, start + step)
        hidden, state = read(network, before[:, part, None], state)
        spent.append(nats(network, hidden, after[:, part]).double() / math.log(2))
    return torch.cat(spent, 1).flatten().numpy()[: len(codes)]
