from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from recurra.data.text._word import WordTokeniser
from recurra.errors import DataError, require

_WORDS = WordTokeniser(spaces=True)
_REMEMBERED = 1 << 17
_LEARNT_FROM = 1 << 25


class BpeTokeniser(BaseModel):
    """Text in frequent parts of words, by byte pair encoding over characters (Sennrich et al., 2016).

    Words, each with the space before it, are cut into characters, of which the pairs in `merges` are joined, the
    earliest first. Every piece is a part of the text, so `join` gives it back exactly.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["bpe"] = "bpe"
    merges: tuple[tuple[str, str], ...]

    def pieces(self, text: str) -> list[str]:
        """The parts of words in a text."""
        return self._cut(_WORDS.pieces(text))

    def complete(self, text: str) -> tuple[list[str], str]:
        """The pieces that no later text can change, and the rest."""
        words, rest = _WORDS.complete(text)
        return self._cut(words), rest

    def join(self, pieces: Sequence[str]) -> str:
        """The text of pieces."""
        return "".join(pieces)

    def _cut(self, words: Iterable[str]) -> list[str]:
        known = self._known
        found: list[str] = []
        for word in words:
            found += known.get(word) or self._parts(word)
        return found

    def _parts(self, word: str) -> list[str]:
        parts = list(word)
        ranks = self._ranks
        while len(parts) > 1:
            pairs = list(pairwise(parts))
            best = min(pairs, key=lambda pair: ranks.get(pair, len(ranks)))
            if best not in ranks:
                break
            merged, at = [], 0
            while at < len(parts):
                joins = at < len(pairs) and pairs[at] == best
                merged.append(parts[at] + parts[at + 1] if joins else parts[at])
                at += 2 if joins else 1
            parts = merged
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[word] = parts
        return parts

    @cached_property
    def _ranks(self) -> dict[tuple[str, str], int]:
        return {pair: rank for rank, pair in enumerate(self.merges)}

    @cached_property
    def _known(self) -> dict[str, list[str]]:
        return {}


def train_bpe(texts: Iterable[str], *, vocabulary: int) -> BpeTokeniser:
    """Learn which pairs to join, from the first 32 million characters, so that about `vocabulary` pieces are in use."""
    tokenizers: Any = require("tokenizers", extra="text")
    counts: Counter[str] = Counter()
    seen = 0
    for text in texts:
        counts.update(_WORDS.pieces(text[: _LEARNT_FROM - seen]))
        seen += len(text)
        if seen >= _LEARNT_FROM:
            break
    if not seen:
        raise DataError("There is no text to learn byte pair encoding from; expected some.")
    # The trainer counts words by itself; a common word needn't be handed over more often than tells it from others.
    scale = max(1, max(counts.values()) // 100_000)
    model = tokenizers.Tokenizer(tokenizers.models.BPE())
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=vocabulary, min_frequency=2, show_progress=False)
    model.train_from_iterator(([word] * -(-count // scale) for word, count in sorted(counts.items())), trainer)
    merges = json.loads(model.to_str())["model"]["merges"]
    return BpeTokeniser(merges=tuple((left, right) for left, right in merges))
