from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from recurra.evaluate._forecasts import Forecasts
from recurra.evaluate._metrics import (
    Quotient,
    absolute_error,
    scaled_error,
    scaled_squared_error,
    squared_error,
)
from recurra.evaluate._paired import chance

Outcome = Literal["better", "unproven", "same", "mixed", "worse", "unknown"]

# Differences below one per cent aren't worth a model; those that chance makes in one of twenty cases aren't proven.
MATERIAL = 0.01
SIGNIFICANT = 0.05


class Verdict(BaseModel):
    """Whether the model is worth having, in one sentence, and which baselines it beats.

    A baseline is beaten if the model is better in one measure and not worse in the other; the measures are the absolute
    error of the median and the squared error of the mean (each the forecast that minimises it), divided by each series'
    seasonal error where several targets are in different units. Better means by at least 1 % and with a probability
    below 5 % of coming by chance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: Outcome
    sentence: str
    beats: tuple[str, ...]
    loses_to: tuple[str, ...]
    ties_with: tuple[str, ...]
    chance: dict[str, dict[str, float]]  # baseline, measure: probability of such a difference by chance


@dataclass(frozen=True)
class _Rival:
    """One baseline in one measure."""

    name: str
    error: float
    skill: float  # 1 - model / baseline
    chance: float

    @property
    def lead(self) -> float:
        """By which share the baseline's error lies below the model's."""
        return 1 - 1 / (1 - self.skill)

    @property
    def result(self) -> Literal["better", "same", "worse"]:
        if self.chance > SIGNIFICANT or abs(self.skill) < MATERIAL:
            return "same"
        return "better" if self.skill > 0 else "worse"


def judge(forecasts: Forecasts, baselines: Mapping[str, np.ndarray], scale: np.ndarray) -> Verdict:
    """Hold the forecasts against baselines (W, K, C) by name; scale (W, C) is the seasonal error of each series."""
    absolute, squared = _measures(forecasts, baselines, scale)
    labels = ("MASE", "RMSSE") if len(forecasts.target_labels) > 1 else ("MAE", "RMSE")
    if not np.isfinite([absolute["model"].overall(), squared["model"].overall()]).all():
        return Verdict(
            outcome="unknown",
            sentence="No verdict: the test part holds no known outcome, or a forecast isn't a number.",
            beats=(),
            loses_to=(),
            ties_with=tuple(baselines),
            chance={},
        )
    rivals = {label: _rivals(forecasts, errors) for label, errors in zip(labels, (absolute, squared), strict=True)}
    standing = {name: _standing({rivals[label][name].result for label in labels}) for name in baselines}
    best = {label: min(rivals[label].values(), key=lambda rival: rival.error) for label in labels}
    outcome, sentence = _sentence(best, forecasts)
    if outcome in ("better", "mixed"):
        sentence += _at_horizons(absolute)
    return Verdict(
        outcome=outcome,
        sentence=sentence + ".",
        beats=tuple(name for name in baselines if standing[name] == "better"),
        loses_to=tuple(name for name in baselines if standing[name] == "worse"),
        ties_with=tuple(name for name in baselines if standing[name] == "same"),
        chance={name: {label.lower(): round(rivals[label][name].chance, 4) for label in labels} for name in baselines},
    )


def _standing(results: set[str]) -> str:
    """One word for both measures; better in one and worse in the other is a tie."""
    decided = results - {"same"}
    return decided.pop() if len(decided) == 1 else "same"


def _measures(
    forecasts: Forecasts, baselines: Mapping[str, np.ndarray], scale: np.ndarray
) -> tuple[dict[str, Quotient], dict[str, Quotient]]:
    truth = forecasts.truth
    medians = {"model": forecasts.median, **baselines}
    means = {"model": forecasts.mean, **baselines}
    if len(forecasts.target_labels) > 1:
        return (
            {name: scaled_error(truth, point, scale) for name, point in medians.items()},
            {name: scaled_squared_error(truth, point, scale) for name, point in means.items()},
        )
    return (
        {name: absolute_error(truth, point) for name, point in medians.items()},
        {name: squared_error(truth, point) for name, point in means.items()},
    )


def _rivals(forecasts: Forecasts, errors: Mapping[str, Quotient]) -> dict[str, _Rival]:
    model = errors["model"]
    rivals = {}
    for name, other in errors.items():
        if name != "model":
            error = other.overall()
            rivals[name] = _Rival(name, error, skill(model.overall(), error), chance(forecasts, model, other))
    return rivals


def skill(model: float, other: float) -> float:
    """By which share the model's error lies below the other's; minus infinity if only the other is free of error."""
    if other > 0:
        return 1 - model / other
    return 0.0 if model == 0 else -np.inf


def _sentence(best: Mapping[str, _Rival], forecasts: Forecasts) -> tuple[Outcome, str]:
    (first, second), (one, two) = best, best.values()
    results = (one.result, two.result)
    if "better" in results and "worse" in results:
        good, bad = (first, second) if one.result == "better" else (second, first)
        return "mixed", f"It depends on which errors cost: {_below(good, best[good])}, but {_above(bad, best[bad])}"
    if results == ("better", "better"):
        if one.name == two.name:
            claim = (
                f"{first} {_percent(one.skill)} and {second} {_percent(two.skill)} below {one.name}, the best baseline"
            )
        else:
            claim = f"{_below(first, one)} and {_below(second, two)}, the best baselines"
        return "better", f"Worth having: {claim}"
    if "better" in results:
        good, rest = (first, second) if one.result == "better" else (second, first)
        kind = "typical" if good == first else "large"
        return "better", (
            f"Worth having for {kind} errors: {_below(good, best[good])}, the best baseline; "
            f"in {rest} {best[rest].name} is as good"
        )
    if results == ("worse", "worse") and one.name == two.name:
        rival = f"{one.name} is better, {first} by {_percent(one.lead)} and {second} by {_percent(two.lead)}"
        return "worse", f"Do not use this: {rival}"
    if "worse" in results:
        rivals = [
            f"{rival.name} is {_percent(rival.lead)} better in {label}"
            for label, rival in best.items()
            if rival.result == "worse"
        ]
        return "worse", f"Do not use this: {' and '.join(rivals)}"
    if one.skill >= MATERIAL:
        windows = f"{forecasts.num_windows:,} window{'s' * (forecasts.num_windows != 1)}"
        doubt = f"p = {one.chance:.2f}" if one.chance < 1 else "too few to tell"
        return (
            "unproven",
            f"Not proven: {_below(first, one)}, the best baseline, but that may be chance over {windows} ({doubt})",
        )
    if one.skill <= -MATERIAL:
        return (
            "same",
            f"Not worth having: {one.name} is as good or better ({first} {_percent(one.lead)} lower, within chance)",
        )
    return "same", f"Not worth having: {one.name} is as good ({first} {_percent(one.skill)} apart)"


def _below(label: str, rival: _Rival) -> str:
    return f"{label} {_percent(rival.skill)} below {rival.name}"


def _above(label: str, rival: _Rival) -> str:
    return f"{label} {_percent(rival.skill)} above {rival.name}"


def _percent(share: float) -> str:
    """`18 %`, or `0.4 %` where whole numbers would hide it."""
    value = abs(100 * share)
    return f"{value:.0f} %" if value >= 1 else f"{value:.1f} %"


def _at_horizons(errors: Mapping[str, Quotient]) -> str:
    """At which steps ahead some baseline is better after all."""
    model = errors["model"].per_horizon()
    if len(model) == 1:
        return ""
    others = {name: error.per_horizon() for name, error in errors.items() if name != "model"}
    least = np.fmin.reduce(list(others.values()))
    failing = np.flatnonzero(model > least * (1 + MATERIAL)) + 1
    if not failing.size:
        return "; no baseline is better at any step ahead"
    names = {name for name, error in others.items() if np.any(error[failing - 1] <= least[failing - 1])}
    better = names.pop() if len(names) == 1 else "a baseline"
    return f"; but {better} is better {_steps(failing, len(model))}"


def _steps(steps: Sequence[int] | np.ndarray, horizon: int) -> str:
    """`at step 1`, `at steps 1-3 and 7`, or how many where that would be a long list."""
    runs = np.split(np.asarray(steps), np.flatnonzero(np.diff(steps) > 1) + 1)
    if len(runs) > 2:
        return f"at {len(steps)} of {horizon} steps"
    said = " and ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    return f"at step{'s' * (len(steps) > 1)} {said}"
