"""What recurra wants to reach, and whether a run did."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from recurra.bench._case import Cell, Section
from recurra.bench._peers import FLOAT32, OURS, PADDED
from recurra.bench._results import Measurement, Run
from recurra.bench._statistics import geometric_mean

LABELS: dict[Section, str] = {
    "forward": "forward",
    "training": "forward+backward",
    "step": "one step",
    "lengths": "variable lengths",
    "bf16": "products of bfloat16",
}
_TORCH: dict[Section, dict[Cell, float]] = {
    "training": {"gru": 4.5, "rnn": 4.0, "lstm": 1.5},
    "forward": {"gru": 3.5, "rnn": 3.5, "lstm": 1.25},
    "step": {"lstm": 20.0, "gru": 8.0},
}
_BEST: dict[Section, float] = {"training": 2.0, "forward": 1.4}
_SHARE: dict[Section, float] = {"training": 0.70, "forward": 0.75}
LARGE_HIDDEN, LARGE_BATCH = 256, 32


class Line(NamedTuple):
    """One thing wanted: what was reached, what should be, and which configuration is furthest from it."""

    name: str
    value: float | None  # None: not measured
    wanted: float
    at_least: bool = True
    worst: str = ""

    @property
    def is_met(self) -> bool | None:
        """None if it wasn't measured."""
        if self.value is None:
            return None
        return self.value >= self.wanted if self.at_least else self.value <= self.wanted


def bar(run: Run) -> list[Line]:
    """The whole bar. Means are geometric, over all configurations that were measured."""
    sections: dict[Section, list[Measurement]] = {
        section: [m for m in run.measurements if m.case.section == section] for section in LABELS
    }
    lines: list[Line] = []
    for section in ("training", "forward"):
        lines += _whole_sequences(section, sections[section], run.peak)
    lines += _single_steps(sections["step"])
    lines += _variable_lengths(sections["lengths"])
    lines.append(_mean("products of bfloat16, against those of float32", 1.5, sections["bf16"], against(FLOAT32)))
    return [*lines, _accuracy(run.measurements)]


def _whole_sequences(section: Section, measurements: Sequence[Measurement], peak: float) -> list[Line]:
    label = LABELS[section]
    lines = [
        _mean(f"{label}, {cell.upper()} against torch.nn", wanted, of_cell(measurements, cell), against("torch"))
        for cell, wanted in _TORCH[section].items()
    ]
    ratios = _values(measurements, against("torch"))
    lowest = min(ratios, default=None, key=lambda pair: pair[0])
    lines.append(
        Line(f"{label}, lowest against torch.nn", lowest and lowest[0], 1.0, worst=lowest[1] if lowest else "")
    )
    lines.append(_mean(f"{label}, against the best peer", _BEST[section], measurements, against_best))
    large = [m for m in measurements if m.case.hidden_size >= LARGE_HIDDEN and m.case.batch >= LARGE_BATCH]
    name = f"{label}, share of peak, H >= {LARGE_HIDDEN}, B >= {LARGE_BATCH}"
    return [*lines, _mean(name, _SHARE[section], large, lambda m: m.gflops and m.gflops / peak)]


def _single_steps(measurements: Sequence[Measurement]) -> list[Line]:
    lines = [
        _mean(f"one step, {cell.upper()} against torch.nn", wanted, of_cell(measurements, cell), against("torch"))
        for cell, wanted in _TORCH["step"].items()
    ]
    ratios = _values(measurements, against("onnxruntime"))
    lowest = min(ratios, default=(None, ""), key=lambda pair: pair[0])
    return [*lines, Line("one step, lowest against onnxruntime", lowest[0], 4.0, worst=lowest[1])]


def _variable_lengths(measurements: Sequence[Measurement]) -> list[Line]:
    padded = _values(measurements, against(PADDED))
    slowest = min(padded, default=None, key=lambda pair: pair[0])
    return [
        _mean("variable lengths, against packed sequences", 5.0, measurements, against("torch")),
        Line(
            "variable lengths, time over that of the padded run",
            1 / slowest[0] if slowest else None,
            1.05,
            at_least=False,
            worst=slowest[1] if slowest else "",
        ),
    ]


def _accuracy(measurements: Iterable[Measurement]) -> Line:
    """The typical deviation from float64 of whatever of ours deviates most, as a multiple of torch's own."""
    multiples = [
        (deviation.typical / theirs.typical, f"{m.case}, {name}")
        for m in measurements
        if {OURS, "torch"} <= m.timings.keys()
        for name, deviation in m.timings[OURS].deviations.items()
        if (theirs := m.timings["torch"].deviations[name]).typical > 0
    ]
    value, worst = max(multiples, default=(None, ""), key=lambda pair: pair[0])
    return Line("error in float32 as a multiple of torch's", value, 2.0, at_least=False, worst=worst)


Figure = Callable[[Measurement], float | None]


def _mean(name: str, wanted: float, measurements: Sequence[Measurement], figure: Figure) -> Line:
    values = _values(measurements, figure)
    if not values:
        return Line(name, None, wanted)
    return Line(name, geometric_mean(value for value, _ in values), wanted, worst=_furthest(values))


def _furthest(values: Sequence[tuple[float, str]]) -> str:
    value, case = min(values)
    return f"{case}: {value:.3g}" if len(values) > 1 else ""


def _values(measurements: Iterable[Measurement], figure: Figure) -> list[tuple[float, str]]:
    return [(value, str(m.case)) for m in measurements if (value := figure(m)) is not None]


def against(peer: str) -> Figure:
    """How many times longer this peer takes."""
    return lambda m: found.median if (found := m.ratio(peer)) else None


def against_best(measurement: Measurement) -> float | None:
    """How many times longer the fastest of the others takes."""
    found = measurement.ratio(measurement.best)
    return found.median if found else None


def of_cell(measurements: Iterable[Measurement], cell: Cell) -> list[Measurement]:
    """Those of one cell."""
    return [m for m in measurements if m.case.cell == cell]
