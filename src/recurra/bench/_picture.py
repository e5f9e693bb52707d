from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recurra.bench._bar import LABELS
from recurra.bench._case import CELLS, Cell, Section
from recurra.bench._results import Measurement, Report
from recurra.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Of Okabe and Ito: told apart by those who don't see red or green, and in print.
COLOURS: dict[Cell, str] = {"rnn": "#56B4E9", "gru": "#E69F00", "lstm": "#009E73"}


def draw(report: Report) -> Figure:
    """How many times longer torch takes, a bar for each configuration; a diamond marks the fastest of all others."""
    from matplotlib.figure import Figure

    sections: list[Section] = [
        s for s in LABELS if any(m.case.section == s and m.ratio("torch") for m in report.measurements)
    ]
    if not sections:
        raise ConfigError("There is nothing to draw: torch wasn't measured. Leave --peers out, or add torch to it.")
    parts = [[m for m in report.measurements if m.case.section == s and m.ratio("torch")] for s in sections]
    height = 1.6 + 0.24 * sum(len(part) for part in parts) + 0.7 * len(parts)
    figure = Figure(figsize=(8.5, height), layout="constrained")
    panels = figure.subplots(len(parts), 1, squeeze=False, height_ratios=[len(part) + 1 for part in parts])[:, 0]
    for panel, section, part in zip(panels, sections, parts, strict=True):
        _draw_section(panel, section, part)
    _explain(figure)
    threads = f"{report.threads} thread{'s' if report.threads > 1 else ''}"
    figure.suptitle(f"recurra beside torch.nn and others\n{report.machine['processor']}, {threads}", fontsize=11)
    return figure


def save_picture(report: Report, path: Path) -> None:
    """The drawing as a file, of the kind that its name ends with."""
    draw(report).savefig(path, dpi=150)


def to_svg(report: Report) -> str:
    """The drawing as an inline element of a page."""
    text = io.StringIO()
    draw(report).savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def _draw_section(panel: Axes, section: Section, measurements: Sequence[Measurement]) -> None:
    places = range(len(measurements))
    ratios = [found for m in measurements if (found := m.ratio("torch"))]
    panel.barh(
        places,
        [found.median - 1 for found in ratios],
        left=1,  # what is faster than we are reaches to the left
        color=[COLOURS[m.case.cell] for m in measurements],
        xerr=[[r.median - r.low for r in ratios], [r.high - r.median for r in ratios]],
        error_kw={"elinewidth": 0.8, "ecolor": "#444444"},
    )
    best = [(place, found.median) for place, m in zip(places, measurements, strict=True) if (found := m.ratio(m.best))]
    panel.scatter([ratio for _, ratio in best], [place for place, _ in best], marker="D", s=14, color="black", zorder=3)
    panel.axvline(1, color="black", linewidth=0.8)
    panel.set_xscale("log")
    panel.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    panel.xaxis.set_minor_formatter(lambda value, _: f"{value:g}x" if f"{value:g}"[0] in "25" else "")
    panel.tick_params(which="both", labelsize=8)
    panel.set_yticks(places, [_label(m) for m in measurements], fontsize=8)
    panel.invert_yaxis()
    panel.margins(y=0.01)
    panel.set_title(f"{LABELS[section].capitalize()}: how many times longer", fontsize=10, loc="left")
    panel.spines[["top", "right"]].set_visible(False)
    panel.set_axisbelow(True)
    panel.grid(axis="x", color="#dddddd", linewidth=0.6)


def _label(measurement: Measurement) -> str:
    case = measurement.case
    mode = f" {LABELS[case.mode]}" if case.ragged else ""
    return f"{case.size.replace('-', ' ')}{mode}  {case.cell.upper()}"


def _explain(figure: Figure) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        *(Patch(color=COLOURS[cell], label=f"{cell.upper()}, torch.nn") for cell in CELLS),
        Line2D([], [], marker="D", linestyle="", color="black", markersize=4, label="fastest peer"),
    ]
    figure.legend(handles=handles, fontsize=8, ncols=4, loc="outside lower center", frameon=False)
