from __future__ import annotations

from collections.abc import Sequence

from recurra.data._words import counted
from recurra.data.text._sentence import Sentence, Tagged
from recurra.errors import DataError

_BLANK = " \t\ufeff"


def read_conll(
    lines: Sequence[str], name: str, column: str | None, *, needs_tags: bool, notes: tuple[str, ...]
) -> Tagged:
    """Read a word and its tag from each line, a blank line after each sentence; -DOCSTART- lines are left out."""
    sentences: list[Sentence] = []
    words: list[str] = []
    tags: list[str] = []
    start = width = at = 0
    tag_at = -1 if column is None else _number(column, name)
    for number, line in enumerate((*lines, ""), 1):
        if not line.strip(_BLANK):
            if words:
                sentences.append(Sentence(tuple(words), tuple(tags), f"{name}, line {start}"))
                words, tags = [], []
            continue
        if line.startswith("-DOCSTART-") or (not words and _is_comment(line, width)):
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        if not width:
            width = len(fields)
            if needs_tags and width < 2:
                raise DataError(
                    f"{name}, line {number}: {line!r} holds a word only; expected a word and its tag, with a tab or "
                    "spaces between them."
                )
            at = tag_at if tag_at >= 0 else width - 1
            if needs_tags and not 0 < at < width:
                raise DataError(f"{name} has {width} columns and no tags in {column}; expected 2 to {width}.")
        if len(fields) != width:
            raise DataError(
                f"{name}, line {number}: {counted(len(fields), 'field')} in {line[:60]!r}; expected {width} as in the "
                "lines before. Mend the line, or put a blank line between sentences."
            )
        if not fields[0] or (needs_tags and not fields[at]):
            missing = "tag" if fields[0] else "word"
            raise DataError(f"{name}, line {number}: the {missing} is missing in {line[:60]!r}. Mend the line.")
        start = start if words else number
        words.append(fields[0])
        if 0 < at < width:
            tags.append(fields[at])
    if not sentences:
        raise DataError(f"{name} holds no words; expected a word and its tag on each line.")
    count = sum(len(sentence.words) for sentence in sentences)
    characters = all(len(word) == 1 for sentence in sentences[:100] for word in sentence.words)
    pieces = "character" if characters else "word"
    about = f"{counted(len(sentences), 'sentence')} of {counted(count, pieces)}, one {pieces} a line"
    is_tagged = 0 < at < width
    tagged = f", tags in column {at + 1}." if is_tagged else ", without tags."
    return Tagged(tuple(sentences), str(at + 1) if is_tagged else "", "conll", name, (*notes, about + tagged))


def _is_comment(line: str, width: int) -> bool:
    return line.startswith("# ") and len(line.split()) != (width or 2)


def _number(column: str, name: str) -> int:
    if not column.isdecimal() or int(column) < 2:
        raise DataError(f"{name} has columns without names, so {column!r} isn't one; expected a number from 2 on.")
    return int(column) - 1
