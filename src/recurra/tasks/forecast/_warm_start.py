from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from recurra.data import Windows
from recurra.tasks.forecast._composition import CLIP
from recurra.tasks.forecast._model import Model, count_samples, gather_samples

_MOST_WINDOWS = 4_000
_STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)


class LinearFit(NamedTuple):
    """A ridge regression of horizons on normalised windows."""

    weight: torch.Tensor  # (K, T)
    bias: torch.Tensor  # (K,)
    spread: torch.Tensor  # (K,) root mean square of what it misses on the training windows
    error: float  # mean absolute error on the held-out windows, in units of the series' spread


@torch.no_grad()
def start_from_linear(model: Model, fit: LinearFit) -> None:
    """Start a direct decoder's linear skip at the regression, and the recurrent part at nothing.

    That then learns what a linear map can't say.
    """
    weight, bias = fit.weight, fit.bias
    skip = next(block for block in model.network.chains["skip"].modules() if isinstance(block, nn.Linear))
    pad = skip.weight.shape[0] - len(weight)
    skip.weight.copy_(torch.cat([weight, weight[-1:].expand(pad, -1)]))
    skip.bias.copy_(torch.cat([bias, bias[-1:].expand(pad)]))
    decoded = list(model.network.chains["decoded"].children())
    head = next(block for block in reversed(decoded) if isinstance(block, nn.Linear))
    head.weight.zero_()
    gain = decoded[-1].get_parameter("weight")
    spread = torch.cat([fit.spread, fit.spread[-1:].expand(pad)])
    gain.copy_(spread / spread.mean())
    # Quantiles start as far apart as what the regression misses.
    head.bias.mul_(spread.mean() if model.chosen.loss == "quantile" else 0.0)


@torch.no_grad()
def fit_linear(model: Model, windows: Windows, origins: np.ndarray, held_out: np.ndarray) -> LinearFit:
    """The ridge regression of horizons on windows, of a few strengths the one that does best on held-out windows.

    Both sets of windows, by their first target rows, are thinned to some thousands.
    """
    x, y, known, _ = _pairs(model, windows, origins)
    vx, vy, vknown, unit = _pairs(model, windows, held_out if len(held_out) else origins)
    mean = x.mean(0)
    gram = (x - mean).T @ (x - mean) / len(x)
    target = (y * known).sum(0) / known.sum(0).clamp(min=1)
    # A step whose truth is missing is taken to be as its mean, which pulls towards no map at all.
    cross = (x - mean).T @ ((y - target) * known) / len(x)
    fits: list[LinearFit] = []
    for strength in _STRENGTHS:
        ridge = strength * gram.diagonal().mean().clamp(min=1e-6) * torch.eye(len(gram), dtype=gram.dtype)
        slope = torch.linalg.solve(gram + ridge, cross)
        offset = target - mean @ slope
        loss = float((((vx @ slope + offset) - vy).abs() * unit * vknown).sum() / vknown.sum().clamp(min=1))
        missed = ((x @ slope + offset - y) * known).square().sum(0) / known.sum(0).clamp(min=1)
        fits.append(LinearFit(slope.T, offset, missed.sqrt().clamp(min=1e-3), loss))
    return min(fits, key=lambda fit: fit.error)


def _pairs(model: Model, windows: Windows, origins: np.ndarray) -> tuple[torch.Tensor, ...]:
    """Normalised windows (n, T), horizons (n, K), which of these are known (n, K), and the unit (n, 1); float64.

    The unit is that of the window in spreads of its series.
    """
    chosen = model.chosen
    count = count_samples(windows, origins, chosen)
    picked = torch.arange(0, count, max(1, count // _MOST_WINDOWS))
    batch = gather_samples(windows, torch.from_numpy(origins), picked, chosen)
    units = model.network.compute(("normal", "level", "spread"), batch)
    truth = ((batch["truth"] - units["level"]) / units["spread"]).clamp(-CLIP, CLIP)
    parts = (units["normal"], truth, batch["truth_observed"], units["spread"] / batch["scale"])
    return tuple(values.mT.flatten(0, 1).double() for values in parts)
