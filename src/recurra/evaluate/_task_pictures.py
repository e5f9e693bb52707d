"""Pictures that tasks put on their pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from recurra.evaluate._calibration import reliability
from recurra.evaluate._figures import NARROW, PALETTE, finder_figure, framed, learning_figure
from recurra.evaluate._picture import Picture
from recurra.evaluate._saying import say_number

MOST_CLASSES = 20
MOST_BARS = 24
_LONGEST_TICK = 16
_LONGEST_NAME = 30
_DEEPEST = 0.5  # how much colour a cell can have; more, and its number can't be read in light or dark


def confusion_picture(truth: np.ndarray, answers: np.ndarray, labels: Sequence[str], *, what: str = "texts") -> Picture:
    """Which classes (N,) were taken for which: true ones in rows, answers in columns, most frequent first.

    A cell's number is how many, its colour which share of the row.
    """
    count = np.bincount(truth, minlength=len(labels))
    shown: list[int] = np.argsort(-count, kind="stable")[:MOST_CLASSES].tolist()
    table = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(table, (truth, answers), 1)
    share = table / np.maximum(count, 1)[:, None]
    table, share = table[np.ix_(shown, shown)], share[np.ix_(shown, shown)]
    size = len(shown)
    names, said = _drawable([labels[index] for index in shown], _LONGEST_TICK)
    width = 0.42 * max(size, 5) + 1.6
    figure, axes = framed((max(width, NARROW[0]), max(width * 0.8, 3.2)))
    axes.grid(visible=False)
    for row in range(size):
        for column in range(size):
            axes.bar(
                column,
                1,
                width=1,
                bottom=row - 0.5,
                color=PALETTE["model"],
                alpha=round(_DEEPEST * share[row, column], 2),
            )
            if table[row, column]:
                number = f"{table[row, column]:,}"
                axes.text(column, row, number, ha="center", va="center", color=PALETTE["ink"], fontsize=9)
    for edge in np.arange(size + 1) - 0.5:
        axes.axhline(edge, color=PALETTE["grid"], linewidth=0.6)
        axes.axvline(edge, color=PALETTE["grid"], linewidth=0.6)
    is_long = max(map(len, names)) > 6
    axes.set_xticks(range(size), names, rotation=45 if is_long else 0, ha="right" if is_long else "center")
    axes.set_yticks(range(size), names)
    axes.set_xlim(-0.5, size - 0.5)
    axes.set_ylim(size - 0.5, -0.5)
    axes.set_xlabel("answered")
    axes.set_ylabel("true")
    detail = f"true classes in rows, answers in columns, {what} in cells"
    if len(labels) > size:
        detail += f"; the {size} most frequent of {len(labels)} classes"
    rows = [f"{labels[shown[row]]}: {share[row, row]:.0%} right" for row in range(size)]
    return Picture(
        name="confusion",
        caption="What was taken for what",
        detail=detail + said,
        description=f"Confusion matrix of {size} classes. {'; '.join(rows)}.",
        figure=figure,
    )


def reliability_picture(truth: np.ndarray, probabilities: np.ndarray) -> Picture:
    """How often answers (N, L) were right, by how sure the model was; bars below show how many there were."""
    bins = reliability(truth, probabilities)
    width = 1 / len(bins.count)
    middle = (np.arange(len(bins.count)) + 0.5) * width
    figure, axes = framed(NARROW)
    axes.bar(middle, bins.count / bins.count.sum(), width=width * 0.9, color=PALETTE["soft"], alpha=0.3)
    axes.plot([0, 1], [0, 1], color=PALETTE["soft"], linewidth=0.9, linestyle=(0, (3, 2)))
    known = bins.count > 0
    axes.plot(
        bins.confidence[known], bins.accuracy[known], color=PALETTE["model"], linewidth=1.6, marker="o", markersize=4.5
    )
    axes.set_xlabel("confidence")
    axes.set_ylabel("share that is right")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    told = [
        f"{accuracy:.0%} right at {confidence:.0%}"
        for accuracy, confidence in zip(bins.accuracy[known], bins.confidence[known], strict=True)
    ]
    return Picture(
        name="reliability",
        caption="Is it as sure as it should be?",
        detail="on the dashed line confidence is what it says; grey bars: share of answers",
        description=f"Share of right answers by confidence: {', '.join(told)}.",
        figure=figure,
    )


def learning_picture(
    training: Sequence[float], validation: Sequence[float], best_epoch: int | None, *, measure: str = "loss"
) -> Picture:
    """A measure by epoch, counted from 1, on the training and the validation part."""
    figure = learning_figure(training, validation, best_epoch)
    figure.axes[0].set_ylabel(measure)
    kept = f"the weights of epoch {best_epoch} were kept" if best_epoch else ""
    epochs = max(len(training), len(validation))
    last = f", {say_number(validation[-1])} at last" if len(validation) else ""
    return Picture(
        name=f"learning-{measure.replace(' ', '-')}" if measure != "loss" else "learning",
        caption=f"{measure[0].upper()}{measure[1:]} by epoch",
        detail=kept,
        description=f"Training and validation {measure} over {epochs} epochs{last}. {kept}".rstrip(),
        figure=figure,
        legend=(("first", "training", "dashed"), ("model", "validation", "")),
    )


def finder_picture(rates: Sequence[float], losses: Sequence[float], chosen: float | None) -> Picture:
    """Loss while the learning rate was raised, and the rate that was chosen."""
    told = f"{chosen:.2g} was chosen" if chosen else ""
    return Picture(
        name="finder",
        caption="Learning-rate finder",
        detail=told,
        description=f"Loss while the learning rate was raised step by step. {told}".rstrip(),
        figure=finder_figure(rates, losses, chosen),
    )


def bars_picture(
    name: str, caption: str, values: Mapping[str, float], *, highlight: str | None = None, detail: str = ""
) -> Picture:
    """Numbers by name, as bars from above to below in the order given; one of them may stand out."""
    shown = list(values.items())[:MOST_BARS]
    if len(values) > len(shown):
        detail = f"{detail}; the first {len(shown)} of {len(values)}".removeprefix("; ")
    labels, said = _drawable([label for label, _ in shown], _LONGEST_NAME)
    figure, axes = framed((NARROW[0], max(0.3 * len(shown) + 0.7, 1.6)))
    colors = [PALETTE["model"] if highlight in (None, label) else PALETTE["soft"] for label, _ in shown]
    numbers = np.array([value for _, value in shown], dtype=float)
    axes.barh(range(len(shown)), numbers, color=colors, height=0.66)
    for place, value in enumerate(numbers):
        axes.annotate(
            say_number(value),
            (max(value, 0.0), place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=PALETTE["soft"],
            fontsize=9,
        )
    axes.set_yticks(range(len(shown)), labels)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.margins(x=0.14)
    axes.axvline(0, color=PALETTE["soft"], linewidth=0.8)
    return Picture(
        name=name,
        caption=caption,
        detail=detail + (said if detail else said.removeprefix("; ")),
        description=f"{caption}: {', '.join(f'{label} {say_number(value)}' for label, value in shown)}.",
        figure=figure,
    )


def _drawable(labels: Sequence[str], longest: int) -> tuple[list[str], str]:
    """Labels as ticks, cut where long; or numbers, and words that say what they stand for.

    Numbers are for letters that the pictures' font lacks, and for labels that cutting makes equal.
    """
    letters = _letters()
    short = [label if len(label) <= longest else f"{label[: longest - 1]}…" for label in labels]
    if len(set(short)) == len(labels) and all(ord(letter) in letters for label in short for letter in label):
        # A dollar sign would begin mathematics.
        return [label.replace("$", r"\$") for label in short], ""
    numbers = [str(place) for place in range(1, len(labels) + 1)]
    return numbers, "; " + ", ".join(f"{number} {label}" for number, label in zip(numbers, labels, strict=True))


@cache
def _letters() -> frozenset[int]:
    """The characters of the font that matplotlib brings."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap())
