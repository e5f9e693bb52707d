"""Windows in, raw forecasts out: what `Model.forecast` does, by the compiled core and numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from recurra.blocks import Linear
from recurra.runtime import Network
from recurra.runtime._network import Compiled
from recurra.tasks.forecast._choices import Chosen
from recurra.tasks.forecast._live_inputs import Inputs
from recurra.tasks.forecast._live_learning import Parts

Stacked = Mapping[str, np.ndarray]
Raw = tuple[np.ndarray, np.ndarray]  # mean and quantiles (W, K, C, 1 + Q), spread (W, C)
Seed = tuple[int, int]
_MOST_COUNTS = 1e15


class Decoder(Protocol):
    """Turns the stacked inputs of W windows into forecasts."""

    network: Network

    def forecast(self, inputs: Stacked, seeds: Sequence[Seed]) -> Raw:
        """Raw forecasts; each window draws from its own seed, where any are drawn."""
        ...

    def bind(self, inputs: Inputs) -> Callable[[Seed], Raw]:
        """What forecasts from one session's inputs as they stand: one window, whose axis is left out.

        What it gives holds until it is called again.
        """
        ...


class Direct:
    """All steps ahead at once."""

    def __init__(self, network: Network, chosen: Chosen, targets: int) -> None:
        self.network, self._chosen, self._targets = network, chosen, targets
        decoded = next(branch for branch in network.composition.branches if branch.name == "decoded")
        head = next(place for place, block in enumerate(decoded.blocks) if isinstance(block, Linear))
        self.learning_outputs = ("forecast", "spread", f"decoded@{head}", *(("normal",) if chosen.linear_skip else ()))

    def forecast(self, inputs: Stacked, seeds: Sequence[Seed]) -> Raw:
        return self.split(*self._run(inputs, ("forecast", "spread")))

    def bind(self, inputs: Inputs) -> Callable[[Seed], Raw]:
        window = inputs.now()
        bound, outputs = self._compiled(window, ("forecast", "spread")).bind(inputs.arrays(), len(window["target"]))
        raw, spread = self.split(*outputs)
        only = raw[0], spread[0]

        def forecast(seed: Seed) -> Raw:
            bound.run(inputs.refresh())
            return only

        return forecast

    def parts(self, inputs: Stacked) -> Parts:
        """Raw forecasts as the network gives them, and what a `Learner` needs beside them."""
        return self.joined(self._run(inputs, self.learning_outputs))

    def joined(self, outputs: Sequence[np.ndarray]) -> Parts:
        """What the network gave for `learning_outputs`."""
        forecast, spread, features, *window = outputs
        features = np.concatenate([features, np.ones_like(features[..., :1])], axis=-1)
        nothing = np.zeros((len(spread), 0, spread.shape[2]), dtype=np.float32)
        return Parts(forecast, spread, features, *(window or [nothing]))

    def split(self, forecast: np.ndarray, spread: np.ndarray) -> Raw:
        """What the network gave for all windows and targets, window by window."""
        chosen, targets = self._chosen, self._targets
        if chosen.joint or targets == 1:
            forecast = forecast.reshape(-1, chosen.horizon_padded, targets, chosen.outputs)[:, : chosen.horizon]
        else:
            forecast = forecast.reshape(-1, targets, chosen.horizon_padded, chosen.outputs)[:, :, : chosen.horizon]
            forecast = forecast.transpose(0, 2, 1, 3)
        if chosen.loss != "quantile":  # a point forecast: calibration alone spreads the quantiles
            forecast = np.broadcast_to(forecast, (*forecast.shape[:-1], 1 + len(chosen.levels)))
        return forecast, spread.reshape(-1, targets)

    def _compiled(self, inputs: Stacked, outputs: tuple[str, ...]) -> Compiled:
        return self.network.compiled({name: array.shape[1:] for name, array in inputs.items()}, outputs=outputs)

    def _run(self, inputs: Stacked, outputs: tuple[str, ...]) -> list[np.ndarray]:
        call = self._compiled(inputs, outputs)
        return call([inputs[name] for name in call.names], len(inputs["target"]))


class Sampled:
    """One step after the other, on many paths: each continues with what was drawn for the step before."""

    def __init__(self, network: Network, chosen: Chosen, targets: int, samples: int) -> None:
        self.network, self._chosen, self._targets, self._samples = network, chosen, targets, samples
        taken = {name for branch in network.composition.needed(("outcome",)) for name in branch.takes}
        self._fixed = [name for name in ("static", "static_codes", "channel") if name in taken]
        self._moving = [name for name in ("known", "known_codes") if name in taken]

    def bind(self, inputs: Inputs) -> Callable[[Seed], Raw]:
        def forecast(seed: Seed) -> Raw:
            raw, spread = self.forecast(inputs.now(), (seed,))
            return raw[0], spread[0]

        return forecast

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def forecast(self, inputs: Stacked, seeds: Sequence[Seed]) -> Raw:
        chosen, samples, network = self._chosen, self._samples, self.network
        level, spread = self.units(inputs)
        context = self.context(inputs, level, spread)
        states = [network.begin() for _ in range(len(level))]
        outcome = np.empty(0)
        for step in range(chosen.context):
            outcome = network.step(_at(context, step, self._fixed), states)["outcome"]
        states = [state.copy() for state in states for _ in range(samples)]
        level, spread = level[:, 0].repeat(samples, axis=0), spread[:, 0].repeat(samples, axis=0)
        outcome = outcome.repeat(samples, axis=0)
        fixed = {name: inputs[name].repeat(samples, axis=0) for name in self._fixed}
        generators = [np.random.default_rng(seed) for seed in seeds]
        steps = []
        for step in range(chosen.horizon):
            value = self._draw(outcome, level, spread, generators)
            steps.append(value)
            if step + 1 == chosen.horizon:
                break
            previous = _finite((value - level) / spread).astype(np.float32)
            moving = {name: inputs[name][:, chosen.context + step].repeat(samples, axis=0) for name in self._moving}
            given = {**fixed, **moving, "previous": previous, "previous_observed": np.ones_like(previous)}
            outcome = network.step(given, states)["outcome"]
        paths = np.stack(steps, axis=1)  # (B S, K, C or 1)
        paths = paths.reshape(-1, samples, chosen.horizon, paths.shape[2])
        quantiles = np.quantile(paths, chosen.levels, axis=1)
        forecast = np.moveaxis(np.concatenate([paths.mean(1)[None], quantiles]), 0, -1).astype(np.float32)
        spread = spread[::samples].copy()
        if not chosen.joint:
            forecast = forecast.reshape(-1, self._targets, *forecast.shape[1:2], forecast.shape[3]).swapaxes(1, 2)
            spread = spread.reshape(-1, self._targets)
        return forecast, spread

    def units(self, inputs: Stacked) -> tuple[np.ndarray, np.ndarray]:
        """Level and spread of each window, (B, 1, C)."""
        names = ("target", "observed", "centre", "scale")
        values = self.network.run({name: inputs[name] for name in names if name in inputs}, outputs=("level", "spread"))
        return values["level"], values["spread"]

    def context(self, inputs: Stacked, level: np.ndarray, spread: np.ndarray) -> dict[str, np.ndarray]:
        """What the network reads of the rows so far."""
        normal = _finite((inputs["target"] - level) / spread * inputs["observed"])
        steps = slice(self._chosen.context)
        return {
            **{name: inputs[name] for name in self._fixed},
            **{name: inputs[name][:, steps] for name in self._moving},
            "previous": normal,
            "previous_observed": inputs["observed"],
        }

    def _draw(
        self, outcome: np.ndarray, level: np.ndarray, spread: np.ndarray, generators: list[np.random.Generator]
    ) -> np.ndarray:
        """One value for each path, (B S, C): windows of one generator lie together."""
        outcome = outcome.astype(np.float64)
        rows = len(outcome) // len(generators)
        parts = [slice(at * rows, (at + 1) * rows) for at in range(len(generators))]
        location, second = outcome[..., 0], _softplus(outcome[..., 1])
        if self._chosen.loss == "negative-binomial":
            mean = _softplus(location) * spread + 1e-6
            alpha = (second + 1e-4) / np.sqrt(np.maximum(spread, 1e-6))
            shape = np.minimum(1 / alpha, _MOST_COUNTS)
            drawn = [g.standard_gamma(shape[part]) for g, part in zip(generators, parts, strict=True)]
            rate = np.fmin(np.concatenate(drawn) * mean * alpha, _MOST_COUNTS)
            counts = [g.poisson(rate[part]) for g, part in zip(generators, parts, strict=True)]
            return np.concatenate(counts).astype(np.float64)
        scale = second + 1e-3
        if self._chosen.loss == "normal":
            noise = [g.standard_normal(location[part].shape) for g, part in zip(generators, parts, strict=True)]
        else:
            freedom = 2 + _softplus(outcome[..., 2])
            noise = [g.standard_t(freedom[part]) for g, part in zip(generators, parts, strict=True)]
        return (location + scale * np.concatenate(noise)) * spread + level


def _at(inputs: Stacked, step: int, fixed: list[str]) -> dict[str, np.ndarray]:
    return {name: array if name in fixed else array[:, step] for name, array in inputs.items()}


def _finite(normal: np.ndarray) -> np.ndarray:
    """Values so large that their spread overflows are read as the level."""
    return np.nan_to_num(normal, nan=0.0, posinf=0.0, neginf=0.0)


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(x, 0.0)
