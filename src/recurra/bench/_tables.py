"""A report as tables of words, for the terminal and for the page alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from recurra.bench._bar import LABELS, Line, against, against_best, bar, of_cell
from recurra.bench._case import CELLS, Section
from recurra.bench._peers import OURS, PADDED
from recurra.bench._results import Measurement, Report
from recurra.bench._run import ROUND_SECONDS
from recurra.bench._statistics import geometric_mean, quartiles

FAILED = "FAILED"
# Of the cores, the share that others may use before it matters.
BUSY = 0.25
_NAMES = {PADDED: "padded", "torch-cell": "torch cell"}


class Table(NamedTuple):
    """A title, the heads of columns, and rows of words."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def speed_tables(report: Report) -> list[Table]:
    """One table for each section that was measured: our time, and each peer's with how many times longer it takes."""
    return [
        _speed_table(section, of_section, report)
        for section in LABELS
        if (of_section := [m for m in report.measurements if m.case.section == section])
    ]


def mean_table(report: Report) -> Table:
    """Geometric means over configurations, cell by cell, and the lowest ratio of each."""
    rows = []
    for section, label in LABELS.items():
        for cell in CELLS:
            measurements = of_cell((m for m in report.measurements if m.case.section == section), cell)
            ratios = [(value, m.case.size) for m in measurements if (value := against("torch")(m)) is not None]
            best = [value for m in measurements if (value := against_best(m)) is not None]
            if ratios and best:
                lowest, where = min(ratios)
                means = (geometric_mean(value for value, _ in ratios), geometric_mean(best))
                rows.append((f"{label}, {cell.upper()}", *map(_times, means), f"{_times(lowest)} {where}"))
    columns = ("geometric means", "torch", "best peer", "lowest against torch")
    return Table("How many times longer the others take", columns, tuple(rows))


def bar_table(report: Report) -> Table:
    """What recurra wants to reach: the value of each run, and whether all of them met it."""
    runs = [bar(run) for run in report.runs]
    heads = ("run",) if len(runs) == 1 else tuple(f"run {number}" for number in range(1, len(runs) + 1))
    rows = tuple(_bar_row(lines) for lines in zip(*runs, strict=True))
    return Table("The bar", ("", *heads, "wanted", "met", "furthest from it"), rows)


def _bar_row(lines: Sequence[Line]) -> tuple[str, ...]:
    first = lines[0]
    met = [line.is_met for line in lines]
    values = ("-" if line.value is None else f"{line.value:.3g}" for line in lines)
    wanted = f"{'>=' if first.at_least else '<='} {first.wanted:g}"
    return (first.name, *values, wanted, "-" if None in met else "yes" if all(met) else "NO", first.worst)


def _speed_table(section: Section, measurements: Sequence[Measurement], report: Report) -> Table:
    unit, factor = ("us", 1e6) if section == "step" else ("ms", 1e3)
    peers = [name for name in report.peers if name != OURS and any(_took_part(m, name) for m in measurements)]
    is_whole = section != "step"
    columns = ("", unit, "+-", *(("GF/s", "peak") if is_whole else ()))
    rows = []
    for measurement in measurements:
        case = measurement.case
        per_unit = factor / (case.time if case.mode == "step" else 1)
        cells = [f"{case.cell} {case.size}{_direction(measurement)}", *_ours(measurement, per_unit)]
        if is_whole:
            gflops = measurement.gflops
            cells += ["", ""] if gflops is None else [f"{gflops:.0f}", f"{gflops / report.peak:.0%}"]
        cells += [_theirs(measurement, peer, per_unit) for peer in peers]
        rows.append(tuple(cells))
    return Table(_title(section, report), (*columns, *(_NAMES.get(peer, peer) for peer in peers)), tuple(rows))


def _title(section: Section, report: Report) -> str:
    title = f"{LABELS[section].capitalize()}: recurra, and how many times longer others take"
    threads = f"{report.threads} thread{'s' if report.threads > 1 else ''}"
    return f"{title}; {threads}" if section == "step" else f"{title}; {threads}, peak {report.peak:.0f} GF/s"


def _direction(measurement: Measurement) -> str:
    case = measurement.case
    return f" {LABELS[case.mode]}" if case.section != case.mode else ""


def _took_part(measurement: Measurement, peer: str) -> bool:
    return peer in measurement.timings or peer in measurement.failures


def _ours(measurement: Measurement, factor: float) -> tuple[str, str]:
    time = measurement.time
    if time is None:
        return FAILED, ""
    return _number(time.median * factor), f"{time.spread:.0%}"


def _theirs(measurement: Measurement, peer: str, factor: float) -> str:
    if peer in measurement.failures:
        return FAILED
    if peer not in measurement.timings:
        return ""
    seconds = _number(quartiles(measurement.timings[peer].seconds).median * factor)
    ratio = measurement.ratio(peer)
    return seconds if ratio is None else f"{seconds} {_times(ratio.median)}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _times(value: float) -> str:
    return f"{value:.2f}x" if value < 10 else f"{value:.1f}x" if value < 100 else f"{value:.0f}x"


def remarks(report: Report) -> Iterable[str]:
    """What a reader must know to take the numbers for what they are."""
    yield "Times are medians over rounds in which all run one after the other; +- is half the distance of quartiles."
    yield (
        f"A round is a call or as many as fill {1e3 * ROUND_SECONDS:.0f} ms; x says how many times longer it takes "
        "than recurra. GF/s counts 2 G H (I + H) operations a row and step, G being 1, 3 or 4 gates, three times that "
        "in training."
    )
    if report.load > BUSY * int(report.machine["cores"]):
        yield (
            f"Other programs kept the machine busy (load {report.load:.1f} before the start), so the numbers say "
            "little. Measure again when it is quiet."
        )
    for peer, reason in report.lacking.items():
        yield f"{peer} was left out: {reason}"
    for peer in report.restless:
        yield f"{peer} kept a processor busy after its turn, which may have disturbed the others."
    for where, reason in report.failures.items():
        yield f"{FAILED}: {where}: {reason}."
