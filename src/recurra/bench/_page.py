from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from recurra.bench._picture import to_svg
from recurra.bench._results import Report
from recurra.bench._tables import FAILED, bar_table, mean_table, remarks, speed_tables


def render_page(report: Report) -> str:
    """The report as one HTML file: the picture, every table, the machine and what ran on it. Nothing is loaded."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("_page.html.j2").render(
        report=report,
        picture=to_svg(report),
        tables=[*speed_tables(report), mean_table(report), bar_table(report)],
        remarks=list(remarks(report)),
        failed=FAILED,
    )
