from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal, Protocol

from rich.text import Text

from recurra.cli._output import Screen


class Verdict(Protocol):
    """Whether a model is worth having."""

    @property
    def sentence(self) -> str: ...


class Scores(Protocol):
    """What the command line reads of any task's scores; a number that nothing defines is None."""

    @property
    def metrics(self) -> Mapping[str, float | None]: ...

    @property
    def baselines(self) -> Mapping[str, Mapping[str, float | None]]: ...

    @property
    def larger_is_better(self) -> Collection[str]: ...

    @property
    def verdict(self) -> Verdict: ...

    @property
    def warning(self) -> str | None: ...

    def model_dump(self, *, mode: Literal["json"]) -> dict[str, Any]: ...


def print_scores(screen: Screen, scores: Scores, title: str = "On the test part") -> None:
    """The model beside the baselines, the best of each line in bold, and the verdict."""
    lines = []
    for metric, own in scores.metrics.items():
        values = [own, *(baseline.get(metric) for baseline in scores.baselines.values())]
        known = [value for value in values if value is not None]
        # What only the model has, such as coverage, is compared with nothing.
        better = max if metric in scores.larger_is_better else min
        best = better(known) if len(known) > 1 else None
        lines.append([metric, *(_cell(value, best=value is not None and value == best) for value in values)])
    screen.table(title, ["", "model", *scores.baselines], lines)
    screen.say("")
    screen.say(scores.verdict.sentence, style="bold")
    if scores.warning is not None:
        screen.say(scores.warning, style="yellow")


def _cell(value: float | None, *, best: bool) -> Text:
    return Text("" if value is None else f"{value:.4g}", style="bold" if best else "", justify="right")
