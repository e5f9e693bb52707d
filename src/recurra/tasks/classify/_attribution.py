from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from recurra.blocks import Pool
from recurra.data.text._batches import Ragged
from recurra.nn import Network
from recurra.tasks.classify._composition import EMBEDDED, LINEAR, OUTPUT, POOLED, READ

_STEPS = 32


def integrated_gradients(network: Network, encoded: Ragged, index: int, label: int) -> np.ndarray:
    """How much each step of one sequence speaks for a label (T,): integrated gradients (Sundararajan et al., 2017).

    Their sum is by how much the label's logit, less the mean of all logits, differs from that of nothing but zero
    vectors, and no known run of words. The integral is by the midpoint rule.
    """
    arrays, counts = encoded.gather(np.array([index]))
    inputs = {name: torch.from_numpy(array) for name, array in arrays.items()}
    with torch.no_grad():
        embedded = network.compute((EMBEDDED,), inputs)[EMBEDDED]
    shares = (torch.arange(_STEPS, dtype=embedded.dtype) + 0.5) / _STEPS
    between = (shares[:, None, None] * embedded).requires_grad_()
    lengths = torch.from_numpy(counts).expand(_STEPS)
    given = {EMBEDDED: between}
    counted = torch.zeros(int(counts[0]))
    if LINEAR in network.chains:
        linear = _linear_shares(network, inputs)[: int(counts[0])]
        counted = lead(linear, label) / counts[0] ** 0.5
        given[LINEAR] = torch.zeros(_STEPS, linear.shape[1])
    logits = network.compute((OUTPUT,), given, lengths=lengths)[OUTPUT]
    (gradient,) = torch.autograd.grad(lead(logits, label).sum(), between)
    return ((embedded[0] * gradient.mean(0)).sum(-1)[: int(counts[0])] + counted).numpy()


@torch.no_grad()
def _linear_shares(network: Network, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """What each word of a text brings to the linear branch's logits before they are pooled (T, L).

    The words of a run have equal shares in it.
    """
    embedding = network.chains[LINEAR].get_submodule("0")
    weight = network.get_parameter(f"chains.{LINEAR}.2.weight")
    codes = torch.cat([inputs["words"], inputs["runs"]], dim=-1)[0]
    shares = torch.zeros(len(codes), len(weight))
    parts = zip(embedding(codes).split(len(weight), dim=-1), weight.split(len(weight), dim=-1), strict=True)
    for column, (part, own) in enumerate(parts):
        brought = part @ own.mT / (column + 1)
        for back in range(column + 1):
            shares[: len(codes) - back] += brought[back:]
    return shares


def lead(logits: torch.Tensor, label: int) -> torch.Tensor:
    """By how much a label's logit is above the mean of all; the logit itself, where it's the only one."""
    return logits[:, label] - (logits.mean(1) if logits.shape[1] > 1 else 0)


def attention(network: Network, encoded: Ragged, index: int) -> np.ndarray | None:
    """How much the pool attends to each step of one sequence (T,), shares of 1; None where it doesn't attend."""
    (branch,) = (branch for branch in network.composition.branches if branch.name == POOLED)
    block = branch.blocks[0]
    if not isinstance(block, Pool) or block.method != "attention":
        return None
    arrays, counts = encoded.gather(np.array([index]))
    inputs = {name: torch.from_numpy(array) for name, array in arrays.items()}
    pool = network.chains[POOLED].get_submodule("0")
    with torch.no_grad():
        read = network.compute((READ,), inputs)[READ]
        return pool.weights(read, torch.from_numpy(counts))[0].numpy()  # pyright: ignore[reportCallIssue]
