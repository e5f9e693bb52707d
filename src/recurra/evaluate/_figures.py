"""The pictures of a report, each a matplotlib Figure that nothing else refers to.

Colours are words here (see `PALETTE`): the page maps each to a colour of its own in light and in dark, a PNG takes the
light ones. Series, targets and whatever else a user may have named in any script stay out of the pictures, because a
font that can draw them may be missing; captions say them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from recurra.evaluate._excerpts import Excerpt
from recurra.evaluate._scores import PerHorizon

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's colours, which people with any colour vision tell apart; the numbers differ from one another so that
# each can be found again in an SVG.
PALETTE = {
    "ink": "#1c2128",
    "soft": "#6a737d",
    "grid": "#dfe3e8",
    "model": "#0072b2",
    "first": "#d55e00",
    "second": "#009e73",
    "third": "#b0588c",
    "fourth": "#8a6d00",
}
RIVALS = ("first", "second", "third", "fourth")
DASHES = ((0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1, 1, 1, 1, 1)))
NARROW = (5.6, 3.0)
WIDE = (11.2, 3.4)


def forecast_figure(excerpt: Excerpt, *, size: tuple[float, float] = NARROW) -> Figure:
    """What came before, what was forecast with its intervals and, where known, what then happened."""
    figure, axes = framed(size, is_time=excerpt.at.dtype.kind == "M")
    shade = 0.16
    for share, lower, upper in excerpt.intervals:
        if share >= 0.6:
            label = f"{100 * share:g} % interval"
            axes.fill_between(excerpt.at, lower, upper, color=PALETTE["model"], alpha=shade, linewidth=0, label=label)
            shade = 0.28
    marker = "o" if len(excerpt.at) == 1 else None
    if excerpt.baseline is not None:
        axes.plot(
            excerpt.at,
            excerpt.baseline,
            color=PALETTE["first"],
            linewidth=1.2,
            linestyle=DASHES[0],
            marker=marker,
            label=excerpt.baseline_name,
        )
    known_at = np.concatenate([excerpt.past_at, excerpt.at])
    axes.plot(
        known_at, np.concatenate([excerpt.past, excerpt.truth]), color=PALETTE["ink"], linewidth=1.1, label="known"
    )
    if marker:
        axes.plot(excerpt.at, excerpt.truth, color=PALETTE["ink"], marker=marker, markersize=4)
    axes.plot(
        excerpt.at,
        excerpt.median,
        label="forecast (median)",
        color=PALETTE["model"],
        linewidth=1.9,
        marker=marker,
        markersize=4,
    )
    axes.axvline(excerpt.at[0], color=PALETTE["soft"], linewidth=0.7, linestyle=(0, (2, 2)))
    axes.margins(x=0.01)
    return figure


def horizon_figure(per_horizon: PerHorizon, measure: str, baselines: Sequence[str]) -> Figure:
    """Error by step ahead, of the model and of each baseline."""
    figure, axes = framed(NARROW)
    marker = "o" if len(per_horizon.steps) < 3 else None
    for index, name in enumerate(baselines):
        axes.plot(
            per_horizon.steps,
            _floats(per_horizon.errors[name][measure]),
            color=PALETTE[RIVALS[index % len(RIVALS)]],
            linestyle=DASHES[index % len(DASHES)],
            linewidth=1.4,
            marker=marker,
            label=name,
        )
    model = _floats(per_horizon.errors["model"][measure])
    axes.plot(per_horizon.steps, model, label="model", color=PALETTE["model"], linewidth=2.2, marker=marker)
    axes.set_xlabel("steps ahead")
    axes.set_ylabel(measure.upper())
    axes.set_ylim(bottom=0)
    _whole_steps(axes)
    return figure


def calibration_figure(levels: np.ndarray, below: np.ndarray) -> Figure:
    """Share of outcomes below each quantile, beside the share that its level promises."""
    figure, axes = framed(NARROW)
    axes.plot([0, 1], [0, 1], color=PALETTE["soft"], linewidth=0.9, linestyle=(0, (3, 2)))
    axes.plot(levels, below, color=PALETTE["model"], linewidth=1.6, marker="o", markersize=4.5)
    axes.set_xlabel("level of the quantile")
    axes.set_ylabel("share of outcomes below it")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    return figure


def coverage_figure(per_horizon: PerHorizon, nominal: Mapping[str, float]) -> Figure:
    """Share of outcomes within each central interval by step ahead; dotted is what it should be."""
    figure, axes = framed(NARROW)
    marker = "o" if len(per_horizon.steps) < 3 else None
    for index, (name, share) in enumerate(nominal.items()):
        color = PALETTE[("model", *RIVALS)[index % 5]]
        axes.axhline(100 * share, color=color, linewidth=0.9, linestyle=(0, (1, 2)))
        actual = 100 * _floats(per_horizon.coverage[name])
        axes.plot(per_horizon.steps, actual, color=color, linewidth=1.8, marker=marker)
        axes.annotate(
            f"{100 * share:g} %",
            (1, 100 * share),
            xycoords=("axes fraction", "data"),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            color=color,
            fontsize=9,
        )
    axes.set_xlabel("steps ahead")
    axes.set_ylabel("outcomes within, %")
    axes.set_ylim(0, 102)
    _whole_steps(axes)
    return figure


def learning_figure(training: Sequence[float], validation: Sequence[float], best_epoch: int | None) -> Figure:
    """Loss by epoch on the training and on the validation part, and the epoch whose weights were kept."""
    figure, axes = framed(NARROW)
    marker = "o" if max(len(training), len(validation)) < 3 else None
    axes.plot(
        np.arange(1, len(training) + 1),
        training,
        label="training",
        color=PALETTE["first"],
        linestyle=DASHES[0],
        marker=marker,
    )
    axes.plot(
        np.arange(1, len(validation) + 1),
        validation,
        label="validation",
        color=PALETTE["model"],
        linewidth=2,
        marker=marker,
    )
    if best_epoch is not None and 1 <= best_epoch <= len(validation):
        axes.plot([best_epoch], [validation[best_epoch - 1]], color=PALETTE["model"], marker="o", markersize=7)
    losses = np.array([*training, *validation], dtype=float)
    losses = losses[np.isfinite(losses)]
    if losses.size and losses.min() > 0 and losses.max() > 20 * losses.min():
        axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    _whole_steps(axes)
    return figure


def finder_figure(rates: Sequence[float], losses: Sequence[float], chosen: float | None) -> Figure:
    """Loss against learning rate while the finder raised it, and the rate that was chosen."""
    figure, axes = framed(NARROW)
    axes.plot(rates, losses, color=PALETTE["model"], linewidth=1.8)
    if chosen is not None:
        axes.axvline(chosen, color=PALETTE["first"], linewidth=1.4, linestyle=DASHES[0])
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    return figure


def framed(size: tuple[float, float], *, is_time: bool = False) -> tuple[Figure, Axes]:
    """An empty picture in the manner of all of them."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    figure = Figure(figsize=size, layout="constrained", facecolor="none")
    axes = figure.add_subplot(facecolor="none")
    axes.grid(axis="y", color=PALETTE["grid"], linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(PALETTE["soft"])
    axes.tick_params(colors=PALETTE["soft"], labelcolor=PALETTE["soft"], labelsize=10, length=3)
    axes.tick_params(axis="y", length=0)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(PALETTE["soft"])
        label.set_fontsize(10)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(ScalarFormatter(useOffset=False))
    axes.yaxis.get_offset_text().set_color(PALETTE["soft"])
    if is_time:
        locator = AutoDateLocator(minticks=3, maxticks=7 if size == NARROW else 12)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    return figure, axes


def _whole_steps(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    axes.set_xlim(left=min(1, axes.get_xlim()[1] - 1))


def _floats(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)
