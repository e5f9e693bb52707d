"""What a classifier reads, as a network takes it: texts by an `Encoder`, series of numbers by a `Scaling`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from recurra.blocks import Composition
from recurra.data.text import Encoded, Encoder, choose_tokeniser, fit_encoder
from recurra.errors import DataError
from recurra.tasks.classify._composition import compose_numbers, compose_text
from recurra.tasks.classify._config import ClassifyConfig
from recurra.tasks.classify._samples import Samples
from recurra.tasks.classify._scaling import Scaling, Sequences
from recurra.tasks.classify._words import words_of

Reasons = dict[str, tuple[object, str]]
MOST_LEARNT = 400  # first words of a text that are learnt from
_MANY, _PERCENTILE = 2_000, 99
_SPELLING = 16  # characters of a word
_RUN = {"word": 2, "chinese": 2, "bpe": 3, "character": 3}  # words in the longest runs that are counted
_MOST_RUNS, _MOST_NUMBERS = 100_000, 4_000_000  # of one length; in a table of the linear map
_CASED = 0.01  # share of words with capitals from which casing is shown


def decide(why: Reasons, name: str, given: Any, value: Any, reason: str) -> Any:
    """What was given, else `value`; noted with its reason."""
    why[name] = (given, "set by you") if given is not None else (value, reason)
    return why[name][0]


def fit_text(
    samples: Samples, training: np.ndarray, config: ClassifyConfig, why: Reasons, known: Encoder | None, classes: int
) -> tuple[ClassifyConfig, Encoder]:
    """Choose how texts become words and numbers; `known` is what a pretrained model reads by, and then settles it."""
    most_runs = max(1000, min(_MOST_RUNS, _MOST_NUMBERS // classes))
    texts = [samples.names[index] for index in training]
    if known is not None:
        tokeniser, vocabulary = known.tokeniser, known.words.size - 1
        why["tokeniser"] = (tokeniser.kind, "that of the pretrained model")
        why["vocabulary"] = (vocabulary, "that of the pretrained model")
        words: list[list[str]] = [tokeniser.pieces(text) for text in texts]
        encoder = known
        if config.linear_skip:
            options = {"lower": known.lower, "longest_run": _RUN[tokeniser.kind], "most_runs": most_runs}
            encoder = known.model_copy(update={"runs": fit_encoder(words, tokeniser, **options).runs})
    else:
        tokeniser, reason = choose_tokeniser(texts, config.tokeniser, vocabulary=config.vocabulary)
        why["tokeniser"] = (tokeniser.kind, reason)
        words = [tokeniser.pieces(text) for text in texts]
        is_word = tokeniser.kind == "word"
        fewest = 2 if len(texts) >= _MANY else 1
        fewest = decide(why, "fewest", config.fewest, fewest, f"{len(texts):,} texts to learn words from")
        lower = decide(
            why, "lower", config.lower, is_word, "words are known by their lower-case form" if is_word else ""
        )
        cased = _cased(words) if is_word else 0.0
        reason = f"{cased:.0%} of words have capitals"
        casing = decide(why, "casing", config.casing, is_word and cased > _CASED, reason)
        usual = _SPELLING if is_word else 0
        characters = decide(
            why, "characters", config.characters, usual, "how words are spelled is read, too" if is_word else ""
        )
        encoder = fit_encoder(
            words,
            tokeniser,
            vocabulary=config.vocabulary,
            fewest=fewest,
            lower=lower,
            casing=casing,
            characters=characters,
            longest_run=_RUN[tokeniser.kind] if config.linear_skip else 1,
            most_runs=most_runs,
        )
        seen = len({word.lower() if lower else word for each in words for word in each})
        why["vocabulary"] = (encoder.words.size - 1, f"of {seen:,} different ones in the training part")
    lengths = np.array([len(each) for each in words])
    longest = int(np.clip(np.percentile(lengths, _PERCENTILE), 1, MOST_LEARNT))
    reason = f"{np.mean(lengths <= longest):.0%} of texts aren't longer; longer ones are read whole when predicting"
    most = decide(why, "most_words", config.most_words, longest, reason)
    return config.model_copy(update={"most_words": most}), encoder


def fit_numbers(
    samples: Samples, training: np.ndarray, config: ClassifyConfig, why: Reasons
) -> tuple[ClassifyConfig, Scaling]:
    """Learn each column's mean and spread from the training series."""
    assert samples.rows is not None and samples.lengths is not None
    for name in ("vectors", "pretrained"):
        if getattr(config, name) is not None:
            raise DataError(f"{name} is for texts, and series of numbers were given. Leave it out.")
    inside = np.repeat(np.isin(np.arange(len(samples)), training), samples.lengths)
    scaling = Scaling.fit(samples.columns, samples.rows[inside])
    why["values"] = (", ".join(samples.columns), "standardised by the training part")
    lengths = samples.lengths[training]
    longest = int(lengths.max())
    most = decide(why, "most_words", config.most_words, longest, "every row of a series is read")
    return config.model_copy(update={"most_words": most}), scaling


def encode(
    inputs: Encoder | Scaling, samples: Samples, indices: Sequence[int] | np.ndarray, most: int | None = None
) -> Encoded | Sequences:
    """Chosen samples as arrays, the first `most` words or rows of each."""
    if isinstance(inputs, Encoder):
        return Encoded(_encoded(inputs, (samples.names[index] for index in indices), most), inputs.widths)
    assert samples.rows is not None and samples.lengths is not None
    indices = np.asarray(indices)
    starts = samples.offsets[:-1][indices]
    lengths = np.minimum(samples.lengths[indices], most) if most else samples.lengths[indices]
    steps = np.arange(int(lengths.max(initial=0)))
    inside = steps < lengths[:, None]
    return Sequences(inputs.encode(samples.rows[(starts[:, None] + steps)[inside]]), lengths)


def _encoded(encoder: Encoder, texts: Iterable[str], most: int | None) -> Iterator[dict[str, np.ndarray]]:
    for text in texts:
        yield encoder.encode(words_of(encoder, text)[:most])


def compose(config: ClassifyConfig, inputs: Encoder | Scaling, classes: int) -> Composition:
    """The network for what is read."""
    if isinstance(inputs, Encoder):
        return compose_text(config, inputs, classes)
    return compose_numbers(config, inputs.widths, classes)


def _cased(words: list[list[str]]) -> float:
    """The share of words, of those with letters, that have capitals after their first letter or at it."""
    sample = [word for each in words[:5000] for word in each if word.lower() != word.upper()]
    return sum(word != word.lower() for word in sample) / max(len(sample), 1)
