from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sentence:
    """The words of a sentence and their tags, with what is needed to write its file again.

    `lines` holds its lines as they were read, comments, multi-word tokens and empty nodes included; `rows` says which
    of them is each word's.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]  # as many as words, or none
    place: str
    lines: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Tagged:
    """Tagged sentences, which column their tags come from, and how the file is laid out."""

    sentences: tuple[Sentence, ...]
    column: str
    layout: str  # "conllu", "conll", "lines" or "text"
    name: str
    notes: tuple[str, ...] = ()
