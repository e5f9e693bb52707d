from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Annotated

from pydantic import Field

from recurra.data.text._bpe import BpeTokeniser, train_bpe
from recurra.data.text._character import CharacterTokeniser
from recurra.data.text._chinese import ChineseTokeniser
from recurra.data.text._word import WordTokeniser
from recurra.errors import ConfigError

AnyTokeniser = Annotated[
    WordTokeniser | CharacterTokeniser | BpeTokeniser | ChineseTokeniser, Field(discriminator="kind")
]
ASKED = ("auto", "word", "character", "bpe", "chinese")
_LOOKED_AT = 1 << 20
_SMALL = 10_000_000
_MUCH = 0.3  # of the letters
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
_UNSPACED = re.compile("[\u3040-\u30ff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")  # kana, Thai, Lao, Burmese, Khmer
_LETTER = re.compile(r"[^\W\d_]")
_ATTACHED = re.compile(r"\w[,!?;:)](?!\S)|(?<!\S)\(\w|\wn't(?!\w)|\w's(?!\w)")
_APART = re.compile(r"(?<!\S)(?:[.,!?;:()]|n't|'s|-[lr]rb-)(?!\S)", re.IGNORECASE)


def choose_tokeniser(
    texts: Iterable[str], asked: str = "auto", *, vocabulary: int | None = None, lossless: bool = False
) -> tuple[AnyTokeniser, str]:
    """How to cut texts into pieces, by looking at the first million characters, and why in a sentence.

    `asked` names a kind, or is "auto". `lossless` is for language models, which must be able to write: they read
    characters unless more than ten million come, then parts of words. "bpe" learns `vocabulary` pieces from the texts.
    """
    if asked not in ASKED:
        raise ConfigError(f"tokeniser is {asked!r}; expected one of {', '.join(ASKED)}.")
    if asked == "bpe":
        return _learnt(texts, vocabulary)
    if asked == "character":
        return CharacterTokeniser(spaces=lossless), "Text in characters, as asked."
    if asked == "chinese":
        return ChineseTokeniser(spaces=lossless), "Text in Chinese words by rjieba, as asked."
    coming = iter(texts)
    head, small = _head(coming, _SMALL if lossless and asked == "auto" else _LOOKED_AT)
    sample = " ".join(head)[:_LOOKED_AT]
    tokenised = _is_tokenised(sample)
    if asked == "auto":
        for pattern, name in ((_UNSPACED, "no spaces between words"), (_HAN, "Chinese")):
            share = _share(pattern, sample)
            if share > _MUCH:
                about = f"Text in characters: {min(share, 1):.0%} of its letters are of a script with {name}"
                return CharacterTokeniser(spaces=lossless), f"{about}."
        if lossless and small:
            return CharacterTokeniser(), "Text in characters, which suits a language model of a small file."
        if lossless and not tokenised:
            return _learnt(chain(head, coming), vocabulary)
    how = "cut at spaces, since it is cut into words already" if tokenised else "cut at spaces and marks"
    return WordTokeniser(tokenised=tokenised, spaces=lossless), f"Text in words, {how}."


def mostly_chinese(text: str) -> bool:
    """Whether much of a text is written in Chinese characters."""
    return _share(_HAN, text) > _MUCH


def _share(script: re.Pattern[str], text: str) -> float:
    """How much of a text's letters are of a script."""
    return len(script.findall(text)) / (len(_LETTER.findall(text)) or 1)


def _learnt(texts: Iterable[str], vocabulary: int | None) -> tuple[AnyTokeniser, str]:
    bpe = train_bpe(texts, vocabulary=vocabulary or 8000)
    return bpe, f"Text in parts of words: {len(bpe.merges):,} joins learnt by byte pair encoding."


def _head(texts: Iterator[str], most: int) -> tuple[list[str], bool]:
    """The first texts of about `most` characters, and whether they are all."""
    parts: list[str] = []
    size = 0
    for text in texts:
        parts.append(text)
        size += len(text)
        if size > most:
            return parts, False
    return parts, True


def _is_tokenised(sample: str) -> bool:
    """Whether marks and clitics stand apart from words nearly everywhere, as in treebanks."""
    apart = sum(1 for _ in islice(_APART.finditer(sample), 100_000))
    attached = sum(1 for _ in islice(_ATTACHED.finditer(sample), 100_000))
    return apart >= 3 and apart > 20 * attached
