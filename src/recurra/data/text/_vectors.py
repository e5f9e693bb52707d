from __future__ import annotations

import codecs
from collections.abc import Collection
from pathlib import Path

import numpy as np

from recurra.data._text import read_chunks
from recurra.data._words import counted
from recurra.errors import DataError


def read_vectors(path: str | Path, wanted: Collection[str]) -> tuple[dict[str, np.ndarray], int, tuple[str, ...]]:
    """Read the vectors of wanted words from the text format of GloVe, word2vec or fastText; packed files too.

    Gives float32 vectors by word, their width, and notes. A word that is only there in lower case gives its vector to
    the wanted form. Raises DataError, with the line, for a vector of another width or that isn't of numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"No such file: {path}. Expected word vectors as text: a word and its numbers on each line.")
    exact = frozenset(wanted)
    lower = {word.lower() for word in exact}
    found: dict[str, np.ndarray] = {}
    width = count = 0
    for number, line in enumerate(_lines(path), 1):
        fields = line.rstrip().split(" ")
        if number == 1 and len(fields) == 2 and all(field.isdecimal() for field in fields):
            width = int(fields[1])  # word2vec and fastText begin with the numbers of words and of columns
            continue
        if not line.strip():
            continue
        width = width or len(fields) - 1
        word = " ".join(fields[: len(fields) - width])  # a few words of GloVe hold spaces
        count += 1
        if len(fields) - 1 < width or width < 1 or (" " in word and not _are_numbers(fields[-width:], fields[:-width])):
            raise DataError(
                f"{path}, line {number}: {word or fields[0]!r} has {counted(len(fields) - 1, 'number')}; expected "
                f"{max(width, 1)} as in the lines before. Fetch the file again, or mend the line."
            )
        if word in exact or word in lower:
            try:
                found[word] = np.array(fields[-width:], np.float32)
            except ValueError as error:
                raise DataError(f"{path}, line {number}: {error}; expected {width} numbers after the word.") from error
    if not count:
        raise DataError(f"{path} holds no vectors; expected a word and its numbers on each line.")
    given = {word: found.get(word, found.get(word.lower())) for word in exact}
    vectors = {word: vector for word, vector in sorted(given.items()) if vector is not None}
    share = f"{len(vectors):,} of {len(exact):,} words have one"
    return vectors, width, (f"{counted(count, 'word vector')} of {width} numbers in {path}; {share}.",)


def _are_numbers(last: list[str], before: list[str]) -> bool:
    """Whether what stands before the last `width` fields is a word with spaces, not a number too many."""
    return not any(_is_number(field) for field in before[1:]) and all(map(_is_number, last))


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _lines(path: Path):
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    rest = ""
    for chunk in read_chunks(path, wanted="text file"):
        lines = (rest + decoder.decode(chunk)).split("\n")
        rest = lines.pop()
        yield from lines
    if rest:
        yield rest
