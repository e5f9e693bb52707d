from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recurra.evaluate._picture import Picture
from recurra.evaluate._task_scores import ScoreTable, TaskScores


@dataclass(frozen=True)
class Passage:
    """A text in colour: spans of (text, weight, hint), one after the other with nothing between them.

    Weights lie in [-1, 1] and are told apart by colour and, for those who don't see it, by underlines; the hint is
    shown when pointing at the span. In any script and direction. `about` says what the colour means here.
    """

    title: str
    spans: Sequence[tuple[str, float, str]]
    about: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a page; what is left empty is left out."""

    title: str
    about: str = ""
    pictures: Sequence[Picture] = ()
    tables: Sequence[ScoreTable] = ()
    passages: Sequence[Passage] = ()


@dataclass(frozen=True)
class Page:
    """A report of any task, as plain things."""

    title: str
    scores: TaskScores
    subtitle: str = ""
    created: str = ""
    facts: Sequence[tuple[str, str, str]] = ()  # name, value, small print; after those of the scores
    sections: Sequence[Section] = ()
    choices: Sequence[tuple[str, str, str]] = ()  # name, value, reason
    notes: Sequence[str] = ()  # about the data: what was found, inferred, mended, how it was split
    terms: Sequence[tuple[str, str]] = ()  # words that the page uses, explained at its end
