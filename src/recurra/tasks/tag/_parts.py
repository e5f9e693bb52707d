"""Files of tagged sentences, and which of them are learnt from, steer training, or judge."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recurra.data._words import counted
from recurra.data.text import Sentence, Tagged, read_tagged, split_documents
from recurra.errors import ConfigError, DataError
from recurra.tasks.tag._config import TagConfig

MOST_WORDS = 1000


@dataclass(frozen=True, eq=False)
class Parts:
    """Sentences by what they are for, and what the file says of itself."""

    training: tuple[Sentence, ...]
    validation: tuple[Sentence, ...]
    test: tuple[Sentence, ...]
    column: str
    layout: str
    name: str
    notes: tuple[str, ...]
    digest: str  # of `training` and whatever else came in the same file


def read_parts(data: Any, config: TagConfig) -> Parts:
    """Read `data`, and its validation and test parts from files of their own or as shares of it.

    Raises DataError for sentences without tags, or with the same tag on all words.
    """
    tagged = read_sentences(data, config.column)
    notes = list(tagged.notes)
    shares: dict[str, float] = {}
    others: dict[str, Tagged] = {}
    for name in ("validation", "test"):
        asked = getattr(config, name)
        if is_share(asked):
            shares[name] = float(asked)
            continue
        if not Path(asked).is_file():
            raise ConfigError(f"{name} is {asked!r}: there is no such file. Name a file, or give a share such as 0.1.")
        others[name] = read_sentences(asked, tagged.column or config.column)
        notes += (f"{name}: {note}" for note in others[name].notes)
    sentences = tagged.sentences
    if len(sentences) == 1:
        raise DataError(
            f"{tagged.name} is one sentence of {len(sentences[0].words):,} words, and training needs several. Put a "
            "blank line after each sentence; each word has a line of its own, with its tag."
        )
    _check_tags(sentences, tagged)
    parts = {"training": sentences, **{name: other.sentences for name, other in others.items()}}
    if shares:
        texts = [" ".join(sentence.words) for sentence in sentences]
        split = split_documents(
            texts,
            None,
            validation=shares.get("validation", 0),
            test=shares.get("test", 0),
            seed=config.seed,
            noun="sentence",
        )
        notes += split.notes
        parts["training"] = tuple(sentences[at] for at in split.training)
        parts |= {name: tuple(sentences[at] for at in getattr(split, name)) for name in shares}
    parts["training"] = _cut(parts["training"], notes)
    notes += _about_repeats(parts, others)
    return Parts(
        **parts,
        column=tagged.column,
        layout=tagged.layout,
        name=tagged.name,
        notes=tuple(notes),
        digest=digest(sentences),
    )


def read_sentences(data: Any, column: str | None, *, usual: str = "") -> Tagged:
    """Tagged sentences of a file or list, at least one of them; see `read_tagged`."""
    tagged = read_tagged(data, column=column or None, usual=usual)
    if not tagged.sentences:
        raise DataError(f"{tagged.name} holds no sentences; expected words with their tags.")
    for sentence in tagged.sentences:
        if not sentence.tags:
            raise DataError(
                f"{sentence.place} has words without tags; expected a tag for each word. Pairs of words and tags make "
                "a sentence: ([words], [tags])."
            )
    return tagged


def is_share(asked: str) -> bool:
    """Whether a part was asked for as a share or number of sentences, not as a file."""
    try:
        float(asked)
    except ValueError:
        return False
    return True


def digest(sentences: Iterable[Sentence]) -> str:
    """SHA-256 of words and tags."""
    state = hashlib.sha256()
    for sentence in sentences:
        state.update("\0".join((*sentence.words, "", *sentence.tags, "\n")).encode(errors="surrogatepass"))
    return state.hexdigest()


def normalised(sentence: Sentence) -> str:
    """What equal sentences share: their words without case, as `split_documents` sees them."""
    return " ".join(" ".join(sentence.words).casefold().split())


def mark(sentences: Iterable[Sentence]) -> np.ndarray:
    """64 bits of each different sentence, sorted: enough to know it again."""
    texts = {normalised(sentence) for sentence in sentences}
    found = [
        int.from_bytes(hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "little")
        for text in texts
    ]
    return np.array(sorted(found), np.uint64)


def unseen(sentences: Sequence[Sentence], marks: np.ndarray) -> tuple[Sentence, ...]:
    """The sentences that aren't among those marked."""
    known = set(marks.tolist())
    return tuple(sentence for sentence in sentences if mark([sentence])[0] not in known)


def _cut(sentences: tuple[Sentence, ...], notes: list[str]) -> tuple[Sentence, ...]:
    """The same words in sentences of bounded length: a batch of one that never ends wouldn't fit into memory."""
    long = [sentence for sentence in sentences if len(sentence.words) > MOST_WORDS]
    if not long:
        return sentences
    notes.append(
        f"{counted(len(long), 'sentence', 'is')} longer than {MOST_WORDS:,} words (first: {long[0].place}) and learnt "
        "in pieces. Blank lines between sentences would help."
    )
    return tuple(
        Sentence(sentence.words[start : start + MOST_WORDS], sentence.tags[start : start + MOST_WORDS], sentence.place)
        for sentence in sentences
        for start in range(0, len(sentence.words), MOST_WORDS)
    )


def _check_tags(sentences: Sequence[Sentence], tagged: Tagged) -> None:
    tags = {tag for sentence in sentences for tag in sentence.tags}
    if len(tags) < 2:
        raise DataError(
            f"{tagged.name}: all words have the tag {min(tags, default='')!r} in column "
            f"{tagged.column or 'tags'}; expected two tags or more. Choose another with --column."
        )


def _about_repeats(parts: dict[str, tuple[Sentence, ...]], others: dict[str, Tagged]) -> list[str]:
    notes = []
    for name, other in others.items():
        learnt = mark(sentence for part in ("training", "validation") if part != name for sentence in parts[part])
        again = len(other.sentences) - len(unseen(other.sentences, learnt))
        if again:
            notes.append(
                f"{counted(again, 'sentence')} of {other.name} ({again / len(other.sentences):.1%}) occur in other "
                "parts too; official parts are used as they come."
            )
    return notes
