from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from recurra.errors import require
from recurra.evaluate._pictures import ReportInputs, pictures, ranked_baselines, say_number, say_percent
from recurra.evaluate._svg import to_svg

MOST_NOTES = 60
MEASURES = {"mae": "MAE", "rmse": "RMSE", "smape": "sMAPE", "mase": "MASE", "rmsse": "RMSSE", "wql": "WQL"}


def render_report(report: ReportInputs) -> str:
    """One HTML page that needs nothing else: no script, no font, no connection."""
    jinja2 = require("jinja2", extra="train")
    require("matplotlib", extra="train")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("recurra.evaluate", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"number": say_number, "percent": say_percent}
    return environment.get_template("_report.html.j2").render(_content(report))


def save_figures(folder: str | os.PathLike[str], report: ReportInputs) -> list[Path]:
    """Save each picture of the report as a PNG in `folder`, made if need be; the paths, in the report's order.

    What a picture shows of which series stands in the PNG's own title.
    """
    require("matplotlib", extra="train")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for picture in pictures(report):
        path = folder / f"{picture.name}.png"
        figure = picture.wide or picture.figure
        if figure.axes[0].get_legend_handles_labels()[0]:
            figure.legend(loc="outside lower center", ncols=3 if picture.wide is None else 6, frameon=False, fontsize=9)
        title = f"{picture.caption}, {picture.detail}".removesuffix(", ")
        figure.savefig(path, dpi=160, facecolor="white", metadata={"Title": title, "Description": picture.description})
        paths.append(path)
    return paths


def _content(report: ReportInputs) -> dict[str, Any]:
    """What the template speaks of."""
    scores = report.scores
    ranked = ranked_baselines(scores)
    drawn: dict[str, list[dict[str, str]]] = {}
    for picture in pictures(report):
        svg = to_svg(picture.figure, name=picture.name, description=picture.description)
        wide = picture.wide and to_svg(picture.wide, name=f"{picture.name}-wide", description=picture.description)
        drawn.setdefault(picture.section, []).append(
            {"svg": svg, "wide": wide or "", "caption": picture.caption, "detail": picture.detail}
        )
    rows = [("model", scores.metrics, None), *((name, scores.baselines[name], scores.skill[name]) for name in ranked)]
    # Errors of targets in different units can't be put together; scaled ones can.
    leading = ("mase", "rmsse") if scores.per_target else ("mae", "rmse")
    wanted = {key: label for key, label in MEASURES.items() if key != "rmsse" or scores.per_target}
    measures = {key: label for key, label in wanted.items() if any(row[1].get(key) is not None for row in rows)}
    least = {key: min((row[1][key] for row in rows if row[1].get(key) is not None), default=None) for key in measures}
    return {
        "report": report,
        "scores": scores,
        "verdict": scores.verdict,
        "drawn": drawn,
        "measures": measures,
        "rows": rows,
        "least": least,
        "leading": {key: MEASURES[key] for key in leading},
        "ranked": ranked,
        "notes": list(report.notes)[:MOST_NOTES],
        "more_notes": max(len(report.notes) - MOST_NOTES, 0),
        "baseline": ranked[0],
        "shares": sorted({row.nominal for row in scores.coverage if row.nominal >= 0.6}),
        "has_several_series": scores.per_series.num_series > 1,
    }
