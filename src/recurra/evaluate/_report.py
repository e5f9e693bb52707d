from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from recurra.evaluate._pictures import ReportInputs, pictures, ranked_baselines
from recurra.evaluate._rendering import draw, render, save_all

MOST_NOTES = 60
MEASURES = {"mae": "MAE", "rmse": "RMSE", "smape": "sMAPE", "mase": "MASE", "rmsse": "RMSSE", "wql": "WQL"}


def render_report(report: ReportInputs) -> str:
    """One HTML page that needs nothing else: no script, no font, no connection."""
    return render("_report.html.j2", _content(report))


def save_figures(folder: str | os.PathLike[str], report: ReportInputs) -> list[Path]:
    """Save each picture of the report as a PNG in `folder`, made if need be; the paths, in the report's order.

    What a picture shows of which series stands in the PNG's own title.
    """
    return save_all(folder, pictures(report))


def _content(report: ReportInputs) -> dict[str, Any]:
    """What the template speaks of."""
    scores = report.scores
    ranked = ranked_baselines(scores)
    drawn: dict[str, list[dict[str, Any]]] = {}
    for picture in pictures(report):
        drawn.setdefault(picture.section, []).append(draw(picture))
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
