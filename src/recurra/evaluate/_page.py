from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recurra.evaluate._picture import Picture
from recurra.evaluate._rendering import draw, render, save_all
from recurra.evaluate._saying import say_number
from recurra.evaluate._task_scores import METRIC_NAMES, ScoreTable, TaskScores, ranked
from recurra.evaluate._terms import TERMS

MOST_NOTES = 60
_LEADING = 4  # metrics among the facts
_FAINT = 0.03  # weights below aren't coloured


@dataclass(frozen=True)
class Passage:
    """A text in colour: spans of (text, weight, hint), one after the other with nothing between them.

    Weights lie in [-1, 1]; the stronger, the deeper the colour and the thicker the line below, which is dotted for
    negative ones, so that both can be told apart without colours. The hint, or the weight where there is none, is shown
    when pointing at a span. In any script and direction. `about` says what colours mean here.
    """

    title: str
    spans: Sequence[tuple[str, float, str]]
    about: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a page: pictures, then tables, then passages; what is empty is left out."""

    title: str
    about: str = ""
    pictures: Sequence[Picture] = ()
    tables: Sequence[ScoreTable] = ()
    passages: Sequence[Passage] = ()


@dataclass(frozen=True)
class Page:
    """A report of any task, as plain things.

    The verdict, the leading scores, the baselines and the tables of `scores` are shown without being asked for.
    """

    title: str
    scores: TaskScores
    subtitle: str = ""
    created: str = ""
    facts: Sequence[tuple[str, str, str]] = ()  # name, value, small print; after those of the scores
    sections: Sequence[Section] = ()
    choices: Sequence[tuple[str, object, str]] = ()  # name, value, reason
    notes: Sequence[str] = ()  # about the data: what was found, inferred, mended, how it was split
    terms: Sequence[tuple[str, str]] = ()  # further words, explained at the end


def render_page(page: Page) -> str:
    """One HTML page that needs nothing else: no script, no font, no connection."""
    scores = page.scores
    best = ranked(scores.baselines, scores.headline, larger=scores.headline in scores.larger_is_better)
    rows = [("model", scores.metrics), *((name, scores.baselines[name]) for name in best)]
    rows = [(name, {metric: row.get(metric) for metric in scores.metrics}) for name, row in rows]
    sections = [*page.sections]
    if scores.tables:
        sections.append(Section(title="In detail", tables=scores.tables))
    drawn = [_drawn(section, f"part-{index}") for index, section in enumerate(sections, start=1)]
    contents = [("baselines", "Against baselines", True), *((part["id"], part["title"], True) for part in drawn)]
    contents += [
        ("choices", "What was chosen", bool(page.choices)),
        ("data", "Data", bool(page.notes)),
        ("terms", "Terms", True),
    ]
    return render(
        "_page.html.j2",
        {
            "report": page,
            "scores": scores,
            "verdict": scores.verdict,
            "names": METRIC_NAMES,
            "facts": [*_facts(scores, best[0]), *page.facts],
            "rows": rows,
            "best": {metric: _best(metric, [row[metric] for _, row in rows], scores) for metric in scores.metrics},
            "sections": drawn,
            "contents": contents,
            "notes": list(page.notes)[:MOST_NOTES],
            "more_notes": max(len(page.notes) - MOST_NOTES, 0),
            "terms": [*((METRIC_NAMES[metric], TERMS[metric]) for metric in scores.metrics), *page.terms],
        },
    )


def save_pictures(folder: str | os.PathLike[str], page: Page) -> list[Path]:
    """Save each picture of the page as a PNG in `folder`, made if need be; the paths, in the page's order."""
    return save_all(folder, (picture for section in page.sections for picture in section.pictures))


def _facts(scores: TaskScores, baseline: str) -> list[tuple[str, str, str]]:
    """The headline and the metrics beside it, each with the best baseline's; and what was scored."""
    metrics = [scores.headline, *(metric for metric in scores.metrics if metric != scores.headline)][:_LEADING]
    told = [
        (
            METRIC_NAMES[metric][0].upper() + METRIC_NAMES[metric][1:],
            say_number(scores.metrics[metric]),
            f"{baseline}: {say_number(scores.baselines[baseline].get(metric))}",
        )
        for metric in metrics
    ]
    if scores.counts:
        (what, count), *others = scores.counts.items()
        small = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in others)
        told.append(("Tested on", f"{count:,} {what.replace('_', ' ')}", small))
    return told


def _best(metric: str, values: Sequence[float | None], scores: TaskScores) -> float | None:
    known = [value for value in values if value is not None]
    return (max if metric in scores.larger_is_better else min)(known) if known else None


def _drawn(section: Section, name: str) -> dict[str, Any]:
    return {
        "id": name,
        "title": section.title,
        "about": section.about,
        "pictures": [draw(picture) for picture in section.pictures],
        "tables": [_told(table) for table in section.tables],
        "passages": [
            {"title": passage.title, "about": passage.about, "spans": [_span(*span) for span in passage.spans]}
            for passage in section.passages
        ],
    }


def _told(table: ScoreTable) -> dict[str, Any]:
    """The table's cells as text, and which columns are words rather than numbers."""
    columns = range(len(table.columns))
    return {
        "title": table.title,
        "about": table.about,
        "columns": table.columns,
        "wordy": {index for index in columns if any(isinstance(row[index], str) for row in table.rows)},
        "rows": [[_cell(value) for value in row] for row in table.rows],
    }


def _cell(value: str | float | int | None) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else say_number(value)


def _span(text: str, weight: float, hint: str) -> dict[str, Any]:
    # A weight that isn't a number colours nothing.
    strength = min(abs(weight), 1.0) if weight == weight else 0.0
    kind = "" if strength < _FAINT else "more" if weight > 0 else "less"
    return {"text": text, "kind": kind, "strength": f"{strength:.2f}", "hint": hint or (kind and f"{weight:+.2f}")}
