from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from recurra.data._text import open_text
from recurra.data._words import counted
from recurra.data.text._conll import read_conll
from recurra.data.text._conllu import read_conllu
from recurra.data.text._sentence import Sentence, Tagged
from recurra.data.text._tokeniser import AnyTokeniser
from recurra.errors import DataError

_UNIVERSAL = re.compile(r"\d+(?:[-.]\d+)?(?:\t[^\t]*){9}")
_TABLES = {".csv", ".json", ".jsonl", ".ndjson"}
_NUMBERED = re.compile(r"\d+(?:[-.]\d+)?$")


def read_tagged(
    source: Any,
    *,
    column: str | None = None,
    needs_tags: bool = True,
    tokeniser: AnyTokeniser | None = None,
    usual: str = "",
) -> Tagged:
    """Read sentences whose words have tags, each word on a line of its own and a blank line after each sentence.

    CoNLL-U is told by its ten columns, or by the numbers that begin its lines; `column` is then upos (default), xpos,
    lemma, feats, deprel or misc. Other files hold the word first and the tag last, between tabs or spaces; `column`
    may be the number of the tag's. Chinese files with one character a line are of that kind. Packed files are
    unpacked. Without `column`, `usual` is taken where the file is of the kind that has it. Where no tags are needed,
    lines of plain text are cut by `tokeniser`, a sentence a line.

    Raises DataError, with the line, for a file that breaks its own rules.
    """
    if isinstance(source, Tagged):
        return source
    if not isinstance(source, (str, Path)):
        return _given(source)
    path = Path(source)
    if not path.is_file():
        raise DataError(f"No such file: {path}. Expected CoNLL-U, or a word and its tag on each line.")
    if not path.stat().st_size:
        raise DataError(f"{path} is empty; expected a word and its tag on each line.")
    text = open_text(path, wanted="text file", formats="CoNLL-U, or a word and its tag on each line")
    lines = [line.rstrip("\r") for line in text.read().split("\n")]
    filled = [line for line in lines if line.strip() and not line.startswith("#")][:200]
    if filled and (_UNIVERSAL.match(filled[0]) or _is_numbered(filled, surely=needs_tags)):
        named = usual if not usual.isdecimal() else ""
        return read_conllu(lines, str(path), column or named or None, needs_tags=needs_tags, notes=text.notes)
    if _is_plain(filled, surely=needs_tags):
        if needs_tags or tokeniser is None:
            raise DataError(f"{path} holds plain text; expected a word and its tag on each line, or CoNLL-U.")
        if path.suffix.lower() in _TABLES:
            raise DataError(
                f"{path} is a table by its name; expected text, a sentence on each line. Take its texts out."
            )
        sentences = tuple(
            Sentence(tuple(tokeniser.pieces(line)), (), f"{path}, line {at}")
            for at, line in enumerate(lines, 1)
            if line.strip()
        )
        about = f"{counted(len(sentences), 'line')} of plain text, a sentence each."
        return Tagged(sentences, column or "", "text", str(path), (*text.notes, about))
    numbered = usual if usual.isdecimal() else ""
    return read_conll(lines, str(path), column or numbered or None, needs_tags=needs_tags, notes=text.notes)


def _is_numbered(filled: list[str], *, surely: bool) -> bool:
    """Whether lines begin with the number of their word: CoNLL-U, even with columns or tabs lost on the way."""
    rows = [line.split("\t") if "\t" in line else line.split() for line in filled]
    if not surely and any("\t" not in line for line in filled):
        return False
    return all(len(row) > 3 and _NUMBERED.match(row[0]) for row in rows)


def _is_plain(filled: list[str], *, surely: bool) -> bool:
    """Whether lines hold whole sentences: no tabs, and not the same few fields in each, or long ones without spaces."""
    if any("\t" in line for line in filled):
        return False
    widths = {len(line.split()) for line in filled}
    if widths == {1}:
        return sum(map(len, filled)) > 9 * len(filled)
    if len(widths) > (3 if surely else 1) or max(widths, default=0) > 6:
        return True
    # A few lines of as many words each: the last column of a tagged file repeats itself.
    return not surely and 2 * len({line.split()[-1] for line in filled}) > len(filled)


def _given(source: Any) -> Tagged:
    """Sentences in a list: words alone, or pairs of words and tags."""
    sentences = []
    for at, each in enumerate(source):
        if isinstance(each, Sentence):
            sentences.append(each)
            continue
        paired = len(each) == 2 and not isinstance(each[0], str)
        words, tags = each if paired else (each, ())
        if isinstance(each, str) or (paired and len(words) != len(tags)):
            raise DataError(
                f"Sentence {at} of the list is {each!r}; expected a list of words, or a pair of words and their tags."
            )
        sentences.append(Sentence(tuple(words), tuple(tags), f"the list, sentence {at}"))
    return Tagged(tuple(sentences), "", "list", "the list", (f"{counted(len(sentences), 'sentence')} given.",))
