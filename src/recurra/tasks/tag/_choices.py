"""What a tagger uses where the user left it open, each with its reason."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import torch

from recurra.data.text import AnyTokeniser, CharacterTokeniser, ChineseTokeniser, Sentence, WordTokeniser
from recurra.tasks.tag._config import TagConfig
from recurra.tasks.tag._labels import Labels

Reasons = dict[str, tuple[object, str]]

_WORDS_SEEN = 3_000_000  # words that training looks at, again and again
_SENTENCES_PER_STEP = 300  # sentences over batch size
_MANY_WORDS = 50_000
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")


def decide(why: Reasons, name: str, given: Any, value: Any, reason: str) -> Any:
    """What was given, or else `value` for that reason; both are remembered."""
    why[name] = (given, "set by you") if given is not None else (value, reason)
    return why[name][0]


def choose_tokeniser(sentences: Sequence[Sentence], config: TagConfig, why: Reasons) -> AnyTokeniser:
    """How raw text will be cut, judging by how the words of the data were."""
    words = [word for sentence in sentences[:5000] for word in sentence.words]
    single = sum(len(word) == 1 for word in words) / max(len(words), 1)
    chinese = sum(bool(_HAN.search(word)) for word in words) / max(len(words), 1)
    if single > 0.95:
        value, reason = "character", f"{single:.0%} of the words are single characters"
    elif chinese > 0.5:
        value, reason = "chinese", f"{chinese:.0%} of the words are Chinese"
    else:
        value, reason = "word", "words and marks apart, as in treebanks"
    kind = decide(why, "tokeniser", None if config.tokeniser == "auto" else config.tokeniser, value, reason)
    if kind == "character":
        return CharacterTokeniser(spaces=False)
    return ChineseTokeniser() if kind == "chinese" else WordTokeniser()


def choose_scheme(labels: Labels, why: Reasons) -> None:
    """Say how entities are spelled, where tags spell any."""
    if labels.scheme is None:
        why["scheme"] = ("tags", f"{len(labels.names)} tags that stand for themselves")
    else:
        seen = "BIO" if labels.scheme.spelling == "bio" else f"the letters {' '.join(labels.scheme.letters)}"
        kinds = {name.partition("-")[2] for name in labels.names if name != "O"}
        why["scheme"] = (labels.inside or "tags", f"tags spell entities in {seen}, of {len(kinds)} types")


def choose_characters(tokeniser: AnyTokeniser, config: TagConfig, why: Reasons) -> bool:
    """Whether to read the characters of words."""
    single = tokeniser.kind == "character"
    reason = "words are single characters" if single else "words that were never seen are told by their spelling"
    return decide(why, "characters", config.characters, not single, reason)


def choose_training(sentences: int, words: int, config: TagConfig, why: Reasons) -> tuple[int, int]:
    """Batch size and epochs by the size of the training part."""
    size = 1 << max(3, min(6, round(math.log2(max(sentences, 1) / _SENTENCES_PER_STEP))))
    batch_size = decide(why, "batch_size", config.batch_size, size, f"{sentences:,} training sentences")
    epochs = max(5, min(40, round(_WORDS_SEEN / max(words, 1))))
    reason = f"{words:,} training words; early stopping may end sooner"
    return batch_size, decide(why, "epochs", config.epochs, epochs, reason)


def choose_threads(words: int, config: TagConfig) -> int:
    """One thread for a small part, which loses by more on a busy machine."""
    return config.threads or (1 if words < _MANY_WORDS else torch.get_num_threads())
