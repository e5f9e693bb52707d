"""What recurra wants of streams, seen on this machine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from recurra.bench._bar import Line
from recurra.bench._case import Case
from recurra.bench._machine import describe_machine
from recurra.bench._peers import OURS, find_peers
from recurra.bench._pipe import Worker
from recurra.bench._run import QUICK_ROUNDS, TRUTH, measure
from recurra.bench._statistics import quartiles
from recurra.bench._streams_made import Fitted, fit_hourly, fit_sunspots, layer_model
from recurra.bench._streams_timing import (
    SESSIONS,
    forecast_seconds,
    importing_seconds,
    loading_seconds,
    push_seconds,
    state_bytes,
    together_seconds,
)
from recurra.bench._tables import BUSY, FAILED, Table
from recurra.errors import MissingExtraError, RecurraError

GRU, LSTM = Case("gru", 256, 1, 128, 128, "step"), Case("lstm", 256, 1, 128, 128, "step")
TOGETHER = Case("gru", 8, 1, 64, 64, "step")
# Ours as a stream of a layer, and others; what each is called beside a session's push.
BESIDE = {OURS: "layer.stream()", "torch": "torch", "torch-cell": "torch cell", "onnxruntime": "onnxruntime"}

Announce = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Seen:
    """One line of the bar, the unit of its value, and the same of others; a reason where there is no value."""

    line: Line
    unit: str
    beside: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    is_wrong: bool = False


@dataclass(frozen=True)
class StreamReport:
    """All lines, and on which machine."""

    machine: Mapping[str, str | int]
    load: float
    lines: tuple[Seen, ...]

    @property
    def failures(self) -> dict[str, str]:
        """What was wrong, or couldn't be done."""
        return {seen.line.name: seen.reason for seen in self.lines if seen.is_wrong}

    @property
    def is_busy(self) -> bool:
        """Whether other programs kept the machine from showing what it can."""
        return self.load > BUSY * int(self.machine["cores"])


def run_streams(*, announce: Announce = lambda done, total, what: None) -> StreamReport:
    """Measure every line. `announce` is told before each how many are done, of how many, and which comes."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    with tempfile.TemporaryDirectory() as name:
        lines = _lines(Path(name))
        seen = []
        for place, (line, unit, value, beside) in enumerate(lines):
            announce(place, len(lines), line.name)
            seen.append(_see(line, unit, value, beside))
    return StreamReport(describe_machine(), load, tuple(seen))


Plan = tuple[Line, str, Callable[[], float], Callable[[], Mapping[str, float]]]


def _lines(folder: Path) -> list[Plan]:
    fitted: list[Fitted] = []

    def hourly() -> Fitted:
        """Fitted when first asked for."""
        if not fitted:
            fitted.append(fit_hourly(folder))
        return fitted[0]

    def at_most(
        name: str,
        wanted: float,
        unit: str,
        value: Callable[[], float],
        beside: Callable[[], Mapping[str, float]] = dict,
    ) -> Plan:
        return Line(name, None, wanted, at_least=False), unit, value, beside

    return [
        at_most("GRU step, H 128", 3, "us", lambda: 1e6 * push_seconds(GRU, folder), lambda: _beside(GRU)),
        at_most("LSTM step, H 128", 4, "us", lambda: 1e6 * push_seconds(LSTM, folder), lambda: _beside(LSTM)),
        at_most(
            "forecaster's push, made-up hours, 48 back",
            25,
            "us",
            lambda: 1e6 * forecast_seconds(hourly()),
            lambda: {
                "without its time": 1e6 * forecast_seconds(hourly(), "load"),
                "sunspots, 258 months back": 1e6 * forecast_seconds(fit_sunspots(folder)),
            },
        ),
        (
            Line(f"{SESSIONS} sessions of a GRU, H 64, together", None, 1.5),
            "M steps/s",
            lambda: 1e-6 / together_seconds(TOGETHER, folder),
            dict,
        ),
        at_most("state beside its numbers", 256, "bytes", lambda: state_bytes(LSTM, folder)),
        at_most(
            "load after import, one layer",
            50,
            "ms",
            lambda: 1e3 * loading_seconds(layer_model(LSTM, folder)[0].bundle.path),
        ),
        at_most("load after import, forecaster", 50, "ms", lambda: 1e3 * loading_seconds(hourly().path)),
        at_most("import", 0.25, "s", importing_seconds),
    ]


def _see(line: Line, unit: str, value: Callable[[], float], beside: Callable[[], Mapping[str, float]]) -> Seen:
    try:
        return Seen(line._replace(value=value()), unit, beside())
    except MissingExtraError as error:
        return Seen(line, unit, reason=str(error))
    except RecurraError as error:
        return Seen(line, unit, reason=str(error), is_wrong=True)


def _beside(case: Case) -> dict[str, float]:
    """Microseconds a step of a layer's own stream, of torch and of ONNX Runtime, as far as they are installed."""
    if find_spec("torch") is None:
        return {}
    with ExitStack() as stack:
        sources, _ = find_peers(("torch", "onnxruntime"))
        workers = {source: stack.enter_context(Worker(source.home, 1)) for source in sources if source.can(case)}
        truth = stack.enter_context(Worker(TRUTH, 1))
        timings = measure(case, workers, truth, rounds=QUICK_ROUNDS).timings
    return {BESIDE[name]: 1e6 * quartiles(timing.seconds).median / case.time for name, timing in timings.items()}


def stream_table(report: StreamReport) -> Table:
    """The lines as words: what was seen, what is wanted, whether it was met, and others beside."""
    rows = []
    for seen in report.lines:
        line = seen.line
        wanted = f"{'>=' if line.at_least else '<='} {line.wanted:g} {seen.unit}"
        value = FAILED if seen.is_wrong else "-" if line.value is None else f"{line.value:.3g}"
        met = "-" if line.is_met is None else "yes" if line.is_met else "NO"
        beside = ", ".join(f"{name} {value:.3g}" for name, value in seen.beside.items())
        rows.append((line.name, value, wanted, met, beside or seen.reason))
    return Table("Streams", ("", "seen", "wanted", "met", "beside"), tuple(rows))


def stream_document(report: StreamReport) -> dict[str, Any]:
    """All of it as plain data: what `--json` prints."""
    return {
        "machine": dict(report.machine),
        "load": report.load,
        "lines": [
            {
                "name": seen.line.name,
                "unit": seen.unit,
                "seen": seen.line.value,
                "wanted": seen.line.wanted,
                "at_least": seen.line.at_least,
                "met": seen.line.is_met,
                "beside": dict(seen.beside),
                "reason": seen.reason or None,
            }
            for seen in report.lines
        ],
        "failures": report.failures,
    }
