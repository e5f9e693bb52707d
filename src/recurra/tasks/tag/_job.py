"""Fitting a tagger, from tagged sentences to a network with scores; and measuring it on other sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recurra import evaluate
from recurra.blocks import Composition
from recurra.data.text import Encoded, Encoder, Sentence, Tagged, fit_encoder
from recurra.errors import DataError
from recurra.tasks.tag._choices import (
    Reasons,
    choose_characters,
    choose_scheme,
    choose_threads,
    choose_tokeniser,
    choose_training,
)
from recurra.tasks.tag._composition import compose
from recurra.tasks.tag._config import TagConfig
from recurra.tasks.tag._labels import UNSEEN, Labels, fit_labels
from recurra.tasks.tag._model import Model, build_model, encode, training_batches
from recurra.tasks.tag._parts import Parts, digest, is_share, mark, read_parts, read_sentences, unseen
from recurra.tasks.tag._usual import UsualTags
from recurra.tasks.tag._warm_start import find_warmth, warm_up
from recurra.train import Progress, TrainingConfig, TrainingResult, train

TASK = "tag"
MOST_WORDS_KNOWN = 200_000
_CHARACTERS = 20
Tags = list[list[str]]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained tagger."""

    config: TagConfig
    composition: Composition
    encoder: Encoder
    labels: Labels
    model: Model
    usual: UsualTags
    column: str
    layout: str
    learnt: np.ndarray  # marks of the sentences that training saw
    data_digest: str


@dataclass(frozen=True, eq=False)
class Measured:
    """How tags fared on sentences that were not trained on."""

    sentences: tuple[Sentence, ...]
    truth: Tags
    predicted: Tags
    scores: evaluate.TaskScores


@dataclass(frozen=True, eq=False)
class Plan:
    """All that is settled before training."""

    parts: Parts
    config: TagConfig
    reasons: Reasons
    encoder: Encoder
    labels: Labels
    composition: Composition
    model: Model
    training: TrainingConfig
    encoded: Encoded
    codes: list[np.ndarray]
    notes: tuple[str, ...]


def prepare(data: Any, config: TagConfig) -> Plan:
    """Read, choose what was left open, and build the network."""
    parts = read_parts(data, config)
    reasons: Reasons = {}
    training = parts.training
    words = sum(len(sentence.words) for sentence in training)
    labels = fit_labels([sentence.tags for sentence in training], config.scheme)
    choose_scheme(labels, reasons)
    tokeniser = choose_tokeniser(training, config, reasons)
    spelled = choose_characters(tokeniser, config, reasons)
    has_case = any(word != word.lower() for sentence in training[:1000] for word in sentence.words)
    encoder = fit_encoder(
        (sentence.words for sentence in training),
        tokeniser,
        vocabulary=config.vocabulary or MOST_WORDS_KNOWN,
        lower=has_case,
        casing=has_case or tokeniser.kind == "word",
        characters=_CHARACTERS if spelled else 0,
    )
    reasons["vocabulary"] = (encoder.words.size - 1, f"different words of {words:,}; upper and lower case are one")
    warmth = find_warmth(config, encoder)
    composition = compose(config, encoder, labels, word_size=warmth.word_size or config.word_size)
    batch_size, epochs = choose_training(len(training), words, config, reasons)
    torch.manual_seed(config.seed)
    model = build_model(
        composition, encoder, labels, rare_from=rare_from(training, encoder), word_dropout=config.word_dropout
    )
    warm_up(model.network, warmth, encoder)
    encoded, codes = encode(training, encoder, labels)
    threads = choose_threads(words, config)
    return Plan(
        parts=parts,
        config=config,
        reasons=reasons,
        encoder=encoder,
        labels=labels,
        composition=composition,
        model=model,
        training=TrainingConfig.of(config, threads=threads, batch_size=batch_size, epochs=epochs),
        encoded=encoded,
        codes=codes,
        notes=(*parts.notes, *warmth.notes),
    )


def fit(
    plan: Plan, *, checkpoint: Path | None, resume: bool, progress: Progress | None
) -> tuple[Fitted, TrainingResult]:
    """Train on the training part, and keep the weights that tag the validation part best."""
    parts, config, model = plan.parts, plan.config, plan.model
    size = plan.training.batch_size
    assert size is not None
    batches = training_batches(
        plan.encoded, plan.codes, batch_size=size, steps=config.steps_per_epoch, seed=config.seed
    )
    held_out = encode(parts.validation, plan.encoder, plan.labels)
    result = train(
        model.network,
        model.loss,
        batches,
        (lambda network: model.validate(*held_out)) if parts.validation else None,
        plan.training,
        checkpoint=checkpoint,
        resume=resume,
        progress=progress,
    )
    model.network.eval()
    fitted = Fitted(
        config=config,
        composition=plan.composition,
        encoder=plan.encoder,
        labels=plan.labels,
        model=model,
        usual=UsualTags.fit(parts.training, plan.labels),
        column=parts.column,
        layout=parts.layout,
        learnt=mark((*parts.training, *parts.validation)),
        data_digest=parts.digest,
    )
    return fitted, result


def measure_test(fitted: Fitted, parts: Parts, training: TrainingResult | None) -> Measured:
    """Tag the test part, beside both baselines, which learn from the same training part."""
    read = fitted.labels.read
    words = [sentence.words for sentence in parts.training]
    tags = [read(sentence.tags) for sentence in parts.training]
    features = evaluate.feature_tagger(words, tags, [sentence.words for sentence in parts.test])
    return _measure(fitted, parts.test, {"features": features}, training)


def measure(fitted: Fitted, tagged: Tagged) -> Measured:
    """Tag sentences that weren't learnt from, beside the tag that each word had most often in training.

    Of the file that was fitted these are the sentences left for the test, or its test file's; of another one, all.
    """
    sentences = tagged.sentences
    fresh = unseen(sentences, fitted.learnt)
    if digest(sentences) == fitted.data_digest:
        if not is_share(fitted.config.test) and Path(fitted.config.test).is_file():
            fresh = read_sentences(fitted.config.test, fitted.column).sentences
        elif not fresh:
            raise DataError(
                f"The model has learnt from every sentence of {tagged.name}. Give sentences it hasn't seen."
            )
        measured = _measure(fitted, fresh, {}, None)
        return replace(measured, scores=measured.scores.of_test_part())
    measured = _measure(fitted, sentences, {}, None)
    again = len(sentences) - len(fresh)
    if 2 * again < len(sentences):
        return measured
    warning = f"{again:,} of {len(sentences):,} sentences were learnt from: on new ones the model will do worse."
    return replace(measured, scores=measured.scores.warned(warning))


def _measure(
    fitted: Fitted, sentences: Sequence[Sentence], baselines: dict[str, Tags], training: TrainingResult | None
) -> Measured:
    words = [sentence.words for sentence in sentences]
    truth = [fitted.labels.read(sentence.tags) for sentence in sentences]
    predicted = fitted.model.tags(words)
    scores = evaluate.tagging_scores(
        TASK,
        truth,
        predicted,
        {"most frequent tag": fitted.usual.tags(words), **baselines},
        known=[fitted.usual.knows(each) for each in words],
        scheme=fitted.labels.spelling,
        history=training and training.curves,
    )
    codes = [fitted.labels.codes(tags) for tags in truth]
    unseen = [tag for tags, row in zip(truth, codes, strict=True) for tag in np.array(tags)[row == UNSEEN].tolist()]
    scores = scores.with_unseen(set(unseen), len(unseen), of="words", kind="tags")
    return Measured(tuple(sentences), truth, predicted, scores)


def rare_from(sentences: Sequence[Sentence], encoder: Encoder) -> int:
    """The first code of words that the training part has only once; frequent words have the first codes."""
    counts = Counter(word.lower() if encoder.lower else word for sentence in sentences for word in sentence.words)
    return 1 + sum(count > 1 for count in counts.values())
