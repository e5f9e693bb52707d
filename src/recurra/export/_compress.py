from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from recurra.bundle import WEIGHTS, Bundle, check_destination, open_bundle, quantise, write_compressed
from recurra.errors import ConfigError
from recurra.export._latency import step_microseconds
from recurra.export._layout import composition_of
from recurra.export._matrices import matrices, pruned

TOLERANCE = 0.01  # of the score, that compression may cost


@dataclass(frozen=True)
class Side:
    """A model before, or after, it was compressed."""

    bytes: int  # of its weights
    zeros: float  # share of its matrices' numbers
    microseconds: float  # median of a step, or of a window
    score: float | None  # larger is better; None: not measured
    scores: Any  # all that was measured, in the words of its task


@dataclass(frozen=True)
class Compressed:
    """What compression made of a model."""

    path: Path
    before: Side
    after: Side
    timed: str  # "step", or "window" of a network that can't go step by step


@dataclass(frozen=True)
class Task:
    """What only a model's task knows: how to measure it, and how to train it a little longer with its zeros kept."""

    measure: Callable[[Path], tuple[Any, float]]  # a bundle's scores, and one number of them, larger is better
    tune: Callable[[Path, Path], None]  # a bundle in, a bundle out


def compress(
    bundle: str | Path,
    out: str | Path,
    *,
    int8: bool = False,
    prune: float | None = None,
    task: Task | None = None,
    accept_loss: bool = False,
    overwrite: bool = False,
) -> Compressed:
    """Save a model again, smaller: matrices as int8 with a scale for each row, and the smallest weights set to 0.

    With a `task`, which has data, a pruned model is trained a little longer, and the score is measured before and
    after; where it falls by more than 1 %, ConfigError and nothing is written, unless `accept_loss`.
    """
    check_destination(out, overwrite=overwrite)
    if not int8 and prune is None:
        raise ConfigError("There is nothing to do. Pass --int8, --prune 0.5, or both.")
    original = open_bundle(bundle)
    if original.manifest.compression is not None:
        raise ConfigError(f"{bundle} is compressed already. Give the bundle that it was made from.")
    names = matrices(composition_of(original))
    done: dict[str, Any] = {"weights": "int8" if int8 else "float32"}
    made = original
    with TemporaryDirectory(prefix="recurra-") as place:
        if prune is not None:
            made = _prune(original, names, prune, task, Path(place))
            done |= {"pruned": prune, "tuned": task is not None}
        weights = quantise(made.weights(), names) if int8 else made.weights()
        small = Path(place, original.path.resolve().name)
        write_compressed(small, made, weights=weights, compression=done)
        before, timed = _side(original, names, task)
        after, _ = _side(open_bundle(small), names, task)
    loss = _relative_loss(before.score, after.score)
    if loss > TOLERANCE and not accept_loss:
        raise ConfigError(
            f"Compressed, the score falls by {loss:.2%}, more than {TOLERANCE:.0%}, so nothing was written. "
            f"{'Prune less, or pass' if prune is not None else 'Pass'} --accept-loss."
        )
    write_compressed(out, made, weights=weights, compression=done, overwrite=overwrite)
    return Compressed(Path(out), before, after, timed)


def _prune(original: Bundle, names: tuple[str, ...], share: float, task: Task | None, place: Path) -> Bundle:
    """The model with its smallest weights gone, and, where there is data, the others grown used to it."""
    done = {"weights": "float32", "pruned": share}
    write_compressed(place / "pruned", original, weights=pruned(original.weights(), names, share), compression=done)
    if task is not None:
        task.tune(place / "pruned", place / "tuned")
    # All of them: what was tuned has scores of its own, and no report.
    return replace(original, files=open_bundle(place / ("pruned" if task is None else "tuned")).files)


def _side(bundle: Bundle, names: tuple[str, ...], task: Task | None) -> tuple[Side, str]:
    weights = bundle.weights()
    count = sum(weights[name].size for name in names)
    zeros = sum(weights[name].size - int(np.count_nonzero(weights[name])) for name in names)
    microseconds, timed = step_microseconds(bundle)
    scores, score = (None, None) if task is None else task.measure(bundle.path)
    return Side(len(bundle.files[WEIGHTS]), zeros / max(count, 1), microseconds, score, scores), timed


def _relative_loss(before: float | None, after: float | None) -> float:
    """By how much of itself a score falls; 0 where it wasn't measured."""
    if before is None or after is None:
        return 0.0
    if not np.isfinite(after):
        return float("inf")
    return (before - after) / max(abs(before), 1e-12)
