from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Protocol

from rich.text import Text

from recurra.cli._output import Screen


class Verdict(Protocol):
    """Whether a model is worth having."""

    @property
    def beats(self) -> Sequence[str]: ...

    @property
    def loses_to(self) -> Sequence[str]: ...

    @property
    def sentence(self) -> str: ...


class Scores(Protocol):
    """What the command line reads of any task's scores."""

    @property
    def task(self) -> str: ...

    @property
    def metrics(self) -> Mapping[str, float]: ...

    @property
    def baselines(self) -> Mapping[str, Mapping[str, float]]: ...

    @property
    def verdict(self) -> Verdict: ...


def print_scores(screen: Screen, scores: Scores) -> None:
    """The model beside the baselines, the best of each line in bold, and the verdict."""
    lines = []
    for metric, own in scores.metrics.items():
        values = [own, *(baseline.get(metric) for baseline in scores.baselines.values())]
        comparable = [value for value in values if value is not None and isfinite(value)]
        best = min(comparable) if len(comparable) > 1 and not metric.startswith("coverage") else None
        lines.append([metric, *(_cell(value, bold=value == best) for value in values)])
    screen.table("On the test part", ["", "model", *scores.baselines], lines)
    screen.say("")
    screen.say(scores.verdict.sentence, style="bold")


def scores_document(scores: Scores) -> dict[str, Any]:
    """The scores as JSON data; numbers that aren't finite become null."""
    return {
        "task": scores.task,
        "metrics": _plain(scores.metrics),
        "baselines": {name: _plain(metrics) for name, metrics in scores.baselines.items()},
        "verdict": {
            "beats": list(scores.verdict.beats),
            "loses_to": list(scores.verdict.loses_to),
            "sentence": scores.verdict.sentence,
        },
    }


def _cell(value: float | None, *, bold: bool) -> Text:
    text = "" if value is None else f"{value:.4g}" if isfinite(value) else "-"
    return Text(text, style="bold" if bold and value is not None else "", justify="right")


def _plain(metrics: Mapping[str, float]) -> dict[str, float | None]:
    return {name: float(value) if isfinite(value) else None for name, value in metrics.items()}
