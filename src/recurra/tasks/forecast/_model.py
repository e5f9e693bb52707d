"""A network with what it takes to train it and to forecast from it: windows in, losses and forecasts out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from recurra.blocks import Composition
from recurra.data import Windows
from recurra.nn import Network
from recurra.tasks.forecast._choices import Chosen
from recurra.tasks.forecast._composition import CLIP
from recurra.tasks.forecast._losses import (
    count_distribution,
    distribution,
    likelihood_loss,
    mean_over_observed,
    point_loss,
    quantile_loss,
    starting_bias,
)
from recurra.train import ShuffledBatches

_FORECAST_BATCH = 512


@dataclass(frozen=True, eq=False)
class RawForecasts:
    """What a network says before calibration, in the data's units."""

    mean: np.ndarray  # (W, K, C)
    quantiles: np.ndarray  # (W, K, C, Q), not yet sorted
    spread: np.ndarray  # (W, C) the unit in which calibration shifts the quantiles


def training_batches(
    windows: Windows, origins: np.ndarray, chosen: Chosen, *, batch_size: int, steps: int | None, seed: int
) -> ShuffledBatches:
    """Shuffled windows of the training part, all targets.

    A tenth of the windows, always the same, is shown without static codes, so that code 0 learns to stand for the
    unknown.
    """
    starts = torch.from_numpy(origins)

    def batch(picked: Tensor) -> dict[str, Tensor]:
        inputs = gather_samples(windows, starts, picked, chosen)
        named = (picked * 2_654_435_761) % 1000 >= 100
        inputs["static_codes"] = inputs["static_codes"] * named[:, None]
        return inputs

    return ShuffledBatches(
        count_samples(windows, origins, chosen), batch, batch_size=batch_size, seed=seed, steps=steps
    )


def gather(windows: Windows, origins: Tensor, channels: Tensor | None, chosen: Chosen) -> dict[str, Tensor]:
    """Windows as the network of `chosen` takes them."""
    return windows.gather(
        origins,
        None if chosen.joint else channels,
        context=chosen.context,
        horizon=chosen.horizon,
        padded=chosen.horizon_padded,
    )


def count_samples(windows: Windows, origins: np.ndarray, chosen: Chosen) -> int:
    """How many samples the windows at `origins` make: one for each target that is forecast by itself."""
    return len(origins) * (1 if chosen.joint else windows.num_targets)


def gather_samples(windows: Windows, origins: Tensor, picked: Tensor, chosen: Chosen) -> dict[str, Tensor]:
    """The samples numbered `picked` (B,), of all that `count_samples` counts."""
    channels = 1 if chosen.joint else windows.num_targets
    return gather(windows, origins[picked // channels], picked % channels, chosen)


class Model:
    """The network of a forecaster: `network` is a trained one, else it's a fresh one."""

    def __init__(self, composition: Composition, chosen: Chosen, network: Network | None = None) -> None:
        self.chosen = chosen
        self.network = Network(composition) if network is None else network
        self._levels = torch.tensor(chosen.levels)
        if network is None and chosen.loss == "quantile":
            self._spread_quantiles()

    def _spread_quantiles(self) -> None:
        """Start the quantiles of a fresh direct decoder where a normal distribution has them, not all at zero."""
        head = [block for block in self.network.chains["decoded"].children() if isinstance(block, nn.Linear)][-1]
        bias = torch.tensor(starting_bias(self.chosen.levels))
        with torch.no_grad():
            head.bias.copy_(bias.repeat(len(head.bias) // len(bias)))

    def loss(self, network: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
        """The training loss of a batch of windows, a scalar."""
        chosen = self.chosen
        truth, observed = batch["truth"], batch["truth_observed"]
        if chosen.decoder == "recursive":
            return self._teacher_forced(network, batch)
        values = network(batch)
        outcome = values["outcome"][:, : chosen.horizon]
        truth = ((truth - values["level"]) / values["spread"]).clamp(-CLIP, CLIP)
        if chosen.loss == "quantile":
            loss = quantile_loss(outcome, truth, self._levels)
        else:
            loss = point_loss(outcome, truth, chosen.loss)
        return mean_over_observed(loss, observed)

    def _teacher_forced(self, network: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
        """Negative log likelihood of context and horizon, each value given those before it (Salinas et al., 2020)."""
        level, spread = self._window_units(batch)
        values = torch.cat([batch["target"], batch["truth"] * batch["truth_observed"]], dim=1)
        observed = torch.cat([batch["observed"], batch["truth_observed"]], dim=1)
        normal = (values - level) / spread * observed
        known = torch.cat([batch["known"], batch["future"][..., 1:]], dim=1)
        codes = torch.cat([batch["known_codes"], batch["future_codes"]], dim=1)
        inputs = {
            **batch,
            "level": level,
            "spread": spread,
            "previous": normal[:, :-1],
            "previous_observed": observed[:, :-1],
            "known": known[:, 1:],
            "known_codes": codes[:, 1:],
        }
        outcome = network(inputs)["outcome"]
        loss = likelihood_loss(outcome, values[:, 1:], level, spread, self.chosen.loss)
        return mean_over_observed(loss, observed[:, 1:])

    def _window_units(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        units = self.network.compute(("level", "spread"), batch)
        return units["level"], units["spread"]

    @torch.no_grad()
    def validation_loss(self, network: nn.Module, windows: Windows, origins: np.ndarray) -> float:
        """The training loss over all windows at `origins`; the network is in evaluation mode by now."""
        starts = torch.from_numpy(origins)
        total = weight = 0.0
        for piece in torch.arange(count_samples(windows, origins, self.chosen)).split(_FORECAST_BATCH):
            batch = gather_samples(windows, starts, piece, self.chosen)
            known = float(batch["truth_observed"].sum())
            if known:
                total += float(self.loss(network, batch)) * known
                weight += known
        return total / max(weight, 1.0)

    @torch.no_grad()
    def forecast(self, windows: Windows, origins: np.ndarray, *, seed: int = 0, samples: int = 200) -> RawForecasts:
        """Forecasts for windows at `origins` (W,), all targets. Sampling is a function of the seed alone."""
        horizon, count = self.chosen.horizon, len(self.chosen.levels)
        if not len(origins):
            targets = windows.num_targets
            return RawForecasts(
                np.zeros((0, horizon, targets)), np.zeros((0, horizon, targets, count)), np.zeros((0, targets))
            )
        was_training = self.network.training
        self.network.eval()
        flat = torch.arange(count_samples(windows, origins, self.chosen))
        starts = torch.from_numpy(np.ascontiguousarray(origins))
        parts: list[tuple[Tensor, Tensor, Tensor]] = []
        size = _FORECAST_BATCH if self.chosen.decoder == "direct" else max(1, 8192 // samples)
        generator = torch.Generator().manual_seed(seed)
        for piece in flat.split(size):
            batch = gather_samples(windows, starts, piece, self.chosen)
            if self.chosen.decoder == "direct":
                parts.append(self._forecast_direct(batch))
            else:
                parts.append(self._forecast_by_sampling(batch, samples, generator))
        self.network.train(was_training)
        mean, quantiles, spread = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
        if not self.chosen.joint:  # (W * C, K, 1, ...) -> (W, K, C, ...)
            targets = windows.num_targets
            mean = mean.reshape(-1, targets, horizon).transpose(1, 2)
            quantiles = quantiles.reshape(-1, targets, horizon, count).transpose(1, 2)
            spread = spread.reshape(-1, targets)
        return RawForecasts(mean.numpy(), quantiles.numpy(), spread.numpy())

    def _forecast_direct(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        values = self.network(batch)
        forecast = values["forecast"][:, : self.chosen.horizon]
        mean = forecast[..., 0]
        if self.chosen.loss == "quantile":
            quantiles = forecast[..., 1:]
        else:  # a point forecast: calibration alone spreads the quantiles
            quantiles = mean[..., None].expand(*mean.shape, len(self.chosen.levels))
        return mean, quantiles, values["spread"][:, 0]

    def _forecast_by_sampling(
        self, batch: Mapping[str, Tensor], samples: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Ancestral sampling: read the context, then feed each sampled value back, on `samples` paths per window."""
        level, spread = self._window_units(batch)
        fixed = {"level": level, "spread": spread}
        normal = (batch["target"] - level) / spread * batch["observed"]
        known = torch.cat([batch["known"], batch["future"][..., 1:]], dim=1)
        codes = torch.cat([batch["known_codes"], batch["future_codes"]], dim=1)
        context = normal.shape[1]
        inputs = {
            **batch,
            **fixed,
            "previous": normal,
            "previous_observed": batch["observed"],
            "known": known[:, 1 : context + 1],
            "known_codes": codes[:, 1 : context + 1],
        }
        values, state = self.network.run(inputs, None)
        outcome = values["outcome"][:, -1:]

        def fan(x: Tensor) -> Tensor:
            return x.repeat_interleave(samples, dim=0)

        level, spread, outcome = fan(level), fan(spread), fan(outcome)
        static = {name: fan(batch[name]) for name in ("static", "static_codes", "channel")}
        state = repeat_state(state, samples)
        steps: list[Tensor] = []
        for step in range(self.chosen.horizon):
            value = self._sample(outcome, level, spread, generator)
            steps.append(value)
            if step + 1 == self.chosen.horizon:
                break
            at = context + step + 1
            inputs = {
                **static,
                "level": level,
                "spread": spread,
                "previous": (value - level) / spread,
                "previous_observed": torch.ones_like(value),
                "known": fan(known[:, at : at + 1]),
                "known_codes": fan(codes[:, at : at + 1]),
            }
            values, state = self.network.run(inputs, state)
            outcome = values["outcome"]
        paths = torch.cat(steps, dim=1).unflatten(0, (-1, samples))  # (B, S, K, C)
        levels = self._levels.to(paths.dtype)
        quantiles = torch.quantile(paths, levels, dim=1).permute(1, 2, 3, 0)
        return paths.mean(1), quantiles, spread[::samples, 0]

    def _sample(self, outcome: Tensor, level: Tensor, spread: Tensor, generator: torch.Generator) -> Tensor:
        if self.chosen.loss == "negative-binomial":
            counts = count_distribution(outcome, spread)
            rate = standard_gamma(counts.total_count, generator) * torch.exp(counts.logits)
            return torch.poisson(rate, generator=generator)
        given = distribution(outcome, self.chosen.loss)
        noise = torch.randn(outcome.shape[:-1], generator=generator)
        if self.chosen.loss == "student-t":
            chi2 = 2 * standard_gamma(given.df / 2, generator)  # pyright: ignore
            noise = noise / (chi2 / given.df).sqrt()  # pyright: ignore
        return (given.loc + given.scale * noise) * spread + level  # pyright: ignore


def repeat_state(state: Any, times: int) -> Any:
    """Repeat every row of a recurrent state (L, B, H) `times` times, wherever it sits in dicts and tuples."""
    if isinstance(state, Tensor):
        return state.repeat_interleave(times, dim=1)
    if isinstance(state, dict):
        return {name: repeat_state(inner, times) for name, inner in state.items()}
    if isinstance(state, tuple):
        parts = [repeat_state(inner, times) for inner in state]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    return state


def standard_gamma(shape: Tensor, generator: torch.Generator) -> Tensor:
    """Gamma variates of scale 1, from a generator of one's own, which torch.distributions does not take."""
    return torch._standard_gamma(shape, generator=generator)  # pyright: ignore[reportPrivateImportUsage]
