from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from pydantic import BaseModel, ConfigDict, PositiveInt

from recurra.data.text._runs import RunCounts, runs_of
from recurra.data.text._tokeniser import AnyTokeniser, mostly_chinese
from recurra.data.text._vocabulary import UNKNOWN, Vocabulary

_NUMBER = re.compile(r"[\d.,:/%+-]*\d[\d.,:/%+-]*")
_REMEMBERED = 1 << 18
_COMMON = 300  # pieces, the most frequent


class Encoder(BaseModel):
    """Words to the numbers a network takes; it is what a bundle keeps as preprocessing.

    "words" holds a code of the vocabulary, 0 for unknown. "casing" tells how a word is written: 0 without letter or
    digit, 1 lower, 2 Capitalised, 3 UPPER, 4 miXed, 5 a number, 6 letters and digits. "characters" holds the first
    `most_characters` characters of the word, or the first and last halves of a longer one: 0 is padding after the word,
    1 an unknown character, k + 2 the k-th known one. "runs" holds the codes of the two words that end here, of the
    three, and so on, 0 for unknown ones, as where there are no words before.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokeniser: AnyTokeniser
    words: Vocabulary
    lower: bool = False
    casing: bool = False
    characters: Vocabulary | None = None
    most_characters: PositiveInt = 20
    runs: tuple[Vocabulary, ...] = ()  # of two words, of three, ...

    @property
    def widths(self) -> dict[str, int]:
        """Numbers a word gives to each input of the network."""
        widths = {"words": 1}
        if self.casing:
            widths["casing"] = 1
        if self.characters is not None:
            widths["characters"] = self.most_characters
        if self.runs:
            widths["runs"] = len(self.runs)
        return widths

    @property
    def casings(self) -> int:
        """Number of casing codes."""
        return 7

    @property
    def categories(self) -> dict[str, int]:
        """Number of codes of each input but runs, as its embedding needs it."""
        known = 0 if self.characters is None else self.characters.size + 1
        sizes = {"words": self.words.size, "casing": self.casings, "characters": known}
        return {name: sizes[name] for name in self.widths if name in sizes}

    @property
    def example(self) -> str:
        """The beginning of a text, to try a model with, in the script that it reads most."""
        return "今天的天气" if mostly_chinese("".join(self.words.pieces[:_COMMON])) else "The weather is "

    def encode(self, words: Sequence[str], before: Sequence[str] = ()) -> dict[str, np.ndarray]:
        """The inputs (T, width) int32 of T words, by name; runs may begin in the words `before` these."""
        seen = self._seen
        try:
            rows = b"".join([seen[word] for word in words])
        except KeyError:
            rows = b"".join([seen.get(word) or self._row(word) for word in words])
        widths = [self.widths[name] for name in self.categories]
        table = np.frombuffer(rows, np.int32).reshape(len(words), sum(widths))
        cuts = np.cumsum([0, *widths])
        found = {name: table[:, start:stop] for name, start, stop in zip(self.categories, cuts, cuts[1:], strict=False)}
        if self.runs:
            found["runs"] = self._runs(words, before)
        return found

    def knows(self, word: str) -> bool:
        """Whether the vocabulary holds the word."""
        return (word.lower() if self.lower else word) in self.words.code_of

    @cached_property
    def _seen(self) -> dict[str, bytes]:
        return {}

    def _row(self, word: str) -> bytes:
        """The numbers of one word, kept for its next occurrence; texts repeat themselves."""
        numbers = [self.words.code_of.get(word.lower() if self.lower else word, UNKNOWN)]
        if self.casing:
            numbers.append(_casing(word))
        if self.characters is not None:
            numbers += self._characters(word, self.characters)
        row = np.array(numbers, np.int32).tobytes()
        if len(self._seen) >= _REMEMBERED:
            self._seen.clear()
        self._seen[word] = row
        return row

    def _runs(self, words: Sequence[str], before: Sequence[str]) -> np.ndarray:
        given = [*before, *words]
        if self.lower:
            given = [word.lower() for word in given]
        found = np.zeros((len(given), len(self.runs)), np.int32)
        for column, known in enumerate(self.runs):
            codes = known.codes(runs_of(given, column + 2))
            found[len(given) - codes.size :, column] = codes
        return found[len(before) :]

    def _characters(self, word: str, known: Vocabulary) -> list[int]:
        width = self.most_characters
        if len(word) > width:
            word = word[: width - width // 2] + word[len(word) - width // 2 :]
        return [known.code_of.get(char, UNKNOWN) + 1 for char in word] + [0] * (width - len(word))


def fit_encoder(
    texts: Iterable[Sequence[str]],
    tokeniser: AnyTokeniser,
    *,
    vocabulary: int | None = None,
    fewest: int = 1,
    lower: bool = False,
    casing: bool = False,
    characters: int = 0,
    longest_run: int = 1,
    most_runs: int = 100_000,
) -> Encoder:
    """Learn the vocabulary from the words of training texts.

    `vocabulary` bounds its size and `fewest` drops rare words. `characters` is the number of characters read of each
    word; 0 reads none. A character must occur twice to be known, so that the network meets unknown ones in training.
    Of runs of two words, and so on up to `longest_run`, the `most_runs` most frequent ones of each length are known.
    """
    counts: Counter[str] = Counter()
    runs = [RunCounts(size) for size in range(2, longest_run + 1)]
    for words in texts:
        counts.update(words)
        if runs:
            given = [word.lower() for word in words] if lower else words
            for each in runs:
                each.update(given)
    letters: Counter[str] = Counter()
    folded: Counter[str] = Counter()
    for word, count in counts.items():
        folded[word.lower() if lower else word] += count
        if characters:
            for char in set(word):
                letters[char] += count
    return Encoder(
        tokeniser=tokeniser,
        words=Vocabulary.fit(folded, most=vocabulary, fewest=fewest),
        lower=lower,
        casing=casing,
        characters=Vocabulary.fit(letters, fewest=2) if characters else None,
        most_characters=characters or 20,
        runs=tuple(Vocabulary.fit(each.counts, most=most_runs) for each in runs),
    )


def _casing(word: str) -> int:
    if word.islower():
        code = 1
    elif word.isupper():
        code = 3 if len(word) > 1 else 2
    elif word[:1].isupper() and word[1:].islower():
        code = 2
    elif any(char.isalpha() for char in word):
        code = 4 if word.lower() != word.upper() else 1
    else:
        return 5 if _NUMBER.fullmatch(word) else 0
    return 6 if any(char.isdigit() for char in word) else code
