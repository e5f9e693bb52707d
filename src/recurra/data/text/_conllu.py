from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from recurra.data._words import counted
from recurra.data.text._sentence import Sentence, Tagged
from recurra.errors import DataError

_COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_TAGS = ("upos", "xpos", "lemma", "feats", "deprel", "misc")
_RANGE = re.compile(r"(\d+)-(\d+)$")
_EMPTY = re.compile(r"\d+\.\d+$")


def read_conllu(
    lines: Sequence[str], name: str, column: str | None, *, needs_tags: bool, notes: tuple[str, ...]
) -> Tagged:
    """Read CoNLL-U; comments, multi-word tokens and empty nodes aren't words, but are kept for writing."""
    chosen = (column or "upos").lower()
    if chosen not in _TAGS:
        raise DataError(f"{name} is CoNLL-U, which has no tags in {column!r}; expected one of {', '.join(_TAGS)}.")
    at = _COLUMNS.index(chosen)
    sentences: list[Sentence] = []
    start = 0
    for number, line in enumerate((*lines, ""), 1):
        if line.strip():
            continue
        if number - 1 > start:
            found = _sentence(lines[start : number - 1], f"{name}, line {start + 1}", name, start + 1, at)
            if found is not None:
                sentences.append(found)
        start = number
    if not sentences:
        raise DataError(f"{name} holds no words; expected CoNLL-U.")
    tags = {tag for sentence in sentences for tag in sentence.tags}
    if needs_tags and tags == {"_"}:
        raise DataError(f"{name}: all of column {chosen} is empty (_); expected tags. Choose another with --column.")
    count = sum(len(sentence.words) for sentence in sentences)
    about = f"CoNLL-U: {counted(len(sentences), 'sentence')} of {counted(count, 'word')}, tags in column {chosen}."
    return Tagged(tuple(sentences), chosen, "conllu", name, (*notes, about))


def write_conllu(sentences: Iterable[Sentence], tags: Iterable[Sequence[str]], column: str) -> str:
    """Sentences with new tags as CoNLL-U.

    What was read from CoNLL-U keeps all its other lines and columns. A `column` that CoNLL-U doesn't have goes to its
    last one, as Tag=....
    """
    out: list[str] = []
    at = _COLUMNS.index(column) if column in _TAGS else 9
    for sentence, given in zip(sentences, tags, strict=True):
        lines = list(sentence.lines) or [
            "\t".join([str(number), _field(word), *"________"]) for number, word in enumerate(sentence.words, 1)
        ]
        rows = sentence.rows or range(len(lines))
        if not sentence.lines:
            out.append(f"# text = {' '.join(map(_field, sentence.words))}")
        for row, tag in zip(rows, given, strict=True):
            fields = lines[row].split("\t")
            fields[at] = tag if column in _TAGS else _noted(fields[at], tag)
            lines[row] = "\t".join(fields)
        out += [*lines, ""]
    return "\n".join([*out, ""]) if out else ""


def _noted(misc: str, tag: str) -> str:
    """What the last column holds, with the tag in it."""
    kept = [part for part in misc.split("|") if part != "_" and not part.startswith("Tag=")]
    return "|".join([*kept, f"Tag={tag}"])


def _field(word: str) -> str:
    """A word as it may stand in a column: no tabs and newlines."""
    return re.sub(r"[\t\n\r]", " ", word) or "_"


def _sentence(lines: Sequence[str], place: str, name: str, first: int, at: int) -> Sentence | None:
    words: list[str] = []
    tags: list[str] = []
    rows: list[int] = []
    for row, line in enumerate(lines):
        if line.startswith("#"):
            continue
        fields = line.split("\t")
        where = f"{name}, line {first + row}"
        if len(fields) != 10:
            raise DataError(f"{where}: {counted(len(fields), 'column')}; expected the 10 of CoNLL-U, cut by tabs.")
        number = fields[0]
        if _EMPTY.match(number):
            continue
        if span := _RANGE.match(number):
            if not int(span[1]) == len(words) + 1 <= int(span[2]):
                raise DataError(f"{where}: the token {number} doesn't begin at the next word, {len(words) + 1}.")
            continue
        if number != str(len(words) + 1):
            raise DataError(
                f"{where}: the word has number {number!r}; expected {len(words) + 1}. Number the words of a sentence "
                "from 1 on, and put a blank line after it."
            )
        if not fields[1]:
            raise DataError(f"{where}: the word is missing; expected it in the second column.")
        words.append(fields[1])
        tags.append(fields[at] or "_")
        rows.append(row)
    return Sentence(tuple(words), tuple(tags), place, tuple(lines), tuple(rows)) if words else None
