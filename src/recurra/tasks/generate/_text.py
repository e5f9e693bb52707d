"""Plain text cut into a training, a validation and a test part, and turned into codes, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recurra.data.text import AnyTokeniser, Corpus, Encoded, Encoder, Feed, open_corpus
from recurra.errors import ConfigError, DataError

PARTS = ("training", "validation", "test")
_NEAR = 10_000  # characters within which a cut moves to the end of a line


@dataclass(frozen=True)
class Stretch:
    """A part of a corpus: characters `start` to `stop`."""

    corpus: Corpus
    start: int
    stop: int

    def texts(self) -> Iterator[str]:
        """Its text, in bounded parts."""
        place = 0
        for text in self.corpus.texts():
            if place + len(text) > self.start and place < self.stop:
                yield text[max(self.start - place, 0) : self.stop - place]
            place += len(text)

    def pieces(self, tokeniser: AnyTokeniser) -> Iterator[list[str]]:
        """Its pieces, some thousands at a time."""
        feed = Feed(tokeniser)
        for text in self.texts():
            yield feed.push(text)
        yield feed.tail()

    def encode(self, encoder: Encoder) -> Codes:
        """Its pieces as codes."""
        encoded = Encoded((encoder.encode(pieces) for pieces in self.pieces(encoder.tokeniser)), encoder.widths)
        return Codes(encoded.flat["words"][:, 0], self.stop - self.start)


@dataclass(frozen=True, eq=False)
class Codes:
    """Running text as codes (N,) int32, mapped from a file where there are many, and how many characters it has."""

    codes: np.ndarray
    characters: int


def cut(source: str | Path, *, validation: str, test: str) -> tuple[Corpus, dict[str, Stretch], tuple[str, ...]]:
    """Open a text and say which characters are for what; `validation` and `test` are shares of it, or files."""
    shares = {name: _share(name, given) for name, given in (("validation", validation), ("test", test))}
    corpus = open_corpus(source)
    notes = list(corpus.notes)
    total = sum(len(text) for text in corpus.texts())
    inside = {name: share for name, share in shares.items() if share is not None}
    if sum(inside.values()) >= 1:
        raise ConfigError(f"validation {validation} and test {test} leave nothing to learn from. Make them smaller.")
    wanted = [round(total * (1 - sum(inside.values()))), round(total * (1 - inside.get("test", 0.0)))]
    first, second = _at_lines(corpus, wanted)
    stretches = {"training": Stretch(corpus, 0, first if inside else total)}
    for name, given in (("validation", validation), ("test", test)):
        if name in inside:
            stretches[name] = Stretch(corpus, *((first, second) if name == "validation" else (second, total)))
        else:
            other = open_corpus(given)
            if other.digest == corpus.digest:
                raise DataError(f"--{name} {given} is the text to learn from. Give another file, or a share like 0.05.")
            notes += other.notes
            stretches[name] = whole(other)
    said = [f"{stretch.stop - stretch.start:,} for {name}" for name, stretch in stretches.items()]
    notes.append(f"Of the text, in its order, {', '.join(said)} (characters).")
    return corpus, stretches, tuple(notes)


def whole(corpus: Corpus) -> Stretch:
    """All of a corpus."""
    return Stretch(corpus, 0, sum(len(text) for text in corpus.texts()))


def _share(name: str, given: str) -> float | None:
    """The share that an option asks for; None where it names a file."""
    try:
        share = float(given)
    except ValueError:
        if not Path(given).exists():
            raise ConfigError(
                f"{name} is {given!r}: expected a share of the text, such as 0.05, or a file, and there is none."
            ) from None
        return None
    if not 0 < share < 1:
        raise ConfigError(f"{name} is {given}: expected a share between 0 and 1, such as 0.05, or a file.")
    return share


def _at_lines(corpus: Corpus, wanted: list[int]) -> list[int]:
    """Each place moved to the end of its line, where that isn't far."""
    found = list(wanted)
    place = 0
    for text in corpus.texts():
        for index, at in enumerate(wanted):
            if place <= at < place + len(text):
                end = text.find("\n", at - place, at - place + _NEAR)
                found[index] = place + end + 1 if end >= 0 else at
        place += len(text)
    return found


def check_amount(codes: Mapping[str, Codes], source: object) -> None:
    """Refuse text that is too short to learn from or to measure on."""
    for name, fewest in (("training", 200), ("validation", 20), ("test", 20)):
        if name in codes and len(codes[name].codes) < fewest:
            raise DataError(
                f"{source}: {len(codes[name].codes)} pieces for {name}; expected {fewest} or more. Bring a longer "
                "text, or read it in smaller pieces with --tokeniser character."
            )
