"""From samples to all that is settled before a classifier is trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch

from recurra import evaluate
from recurra.data._words import many
from recurra.data.text import BucketedBatches, Encoded, Encoder, Parts
from recurra.data.text._batches import Ragged
from recurra.errors import ConfigError
from recurra.nn import Network
from recurra.tasks._estimator import check_settled
from recurra.tasks.classify._answers import Answers
from recurra.tasks.classify._batches import TrainingBatches
from recurra.tasks.classify._composition import LINEAR, linear_sizes
from recurra.tasks.classify._config import ClassifyConfig
from recurra.tasks.classify._inputs import Reasons, compose, decide, encode, fit_numbers, fit_text
from recurra.tasks.classify._linear_start import fit_linear, start_from_linear
from recurra.tasks.classify._model import Model
from recurra.tasks.classify._parts import find_labels, split, truth_of, with_known_labels
from recurra.tasks.classify._samples import Samples
from recurra.tasks.classify._scaling import Scaling
from recurra.tasks.classify._warm_start import (
    fetch_vectors,
    open_language_model,
    put_language_model,
    put_vectors,
)
from recurra.train import TrainingConfig, choose_batch_size

_SHOWN = 75_000  # texts in all epochs together
_FEWEST_EPOCHS, _MOST_EPOCHS = 4, 40


@dataclass(frozen=True, eq=False)
class Plan:
    """All that is settled before training."""

    samples: Samples
    config: ClassifyConfig  # with nothing left open
    asked: ClassifyConfig  # as it was given
    parts: Parts
    truth: np.ndarray  # of all samples
    answers: Answers
    reasons: Reasons
    inputs: Encoder | Scaling
    network: Network
    model: Model
    batches: TrainingBatches
    training: TrainingConfig
    frozen: Mapping[str, int]
    notes: tuple[str, ...]
    data_digest: str

    @property
    def choices(self) -> tuple[tuple[str, object, str], ...]:
        """Options, what was chosen for each, and why; after fitting, what was chosen then too."""
        return tuple((name, value, why) for name, (value, why) in self.reasons.items())


def prepare(samples: Samples, asked: ClassifyConfig) -> Plan:
    """Split, choose what was left open, and build the network."""
    digest = samples.digest()
    samples, parts = split(samples, asked)
    assert samples.labels is not None
    training = parts.training
    labels = find_labels(samples.labels, training, multi=samples.multi, source=samples.source)
    samples, parts, notes = with_known_labels(samples, parts, labels)
    assert samples.labels is not None
    truth = truth_of(samples.labels, labels, multi=samples.multi)
    reasons: Reasons = {}
    reading = _read(samples, training, asked, reasons, len(labels))
    config, inputs = reading.config, reading.inputs
    answers = Answers(
        kind="text" if isinstance(inputs, Encoder) else "numbers",
        labels=labels,
        multi=samples.multi,
        shares=tuple(evaluate.majority(truth[training], 1, classes=len(labels))[0].tolist()),
        separator=asked.separator or ";",
        column=samples.column or "text",
    )
    composition = compose(config, inputs, len(labels))
    torch.manual_seed(config.seed)
    network = Network(composition)
    reading.start(network)
    held_out = _start_linear(network, inputs, samples, training, truth[training], config, reasons)
    weights = label_weights(truth[training]) if config.balance else None
    model = Model(network, multi=samples.multi, weights=weights, label_smoothing=config.label_smoothing)
    encoded = encode(inputs, samples, training, config.most_words)
    size = _choose_batch(model, encoded, truth[training], config, reasons)
    epochs = max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, _SHOWN // len(training)))
    reason = f"{len(training):,} {many(samples.noun)} each; early stopping may end sooner"
    epochs = decide(reasons, "epochs", config.epochs, epochs, reason)
    return Plan(
        samples=samples,
        config=config,
        asked=asked,
        parts=parts,
        truth=truth,
        answers=answers,
        reasons=reasons,
        inputs=inputs,
        network=network,
        model=model,
        batches=training_batches(encoded, truth[training], config, size, config.steps_per_epoch, held_out),
        training=TrainingConfig.of(config, threads=torch.get_num_threads(), epochs=epochs, batch_size=size),
        frozen=reading.frozen,
        notes=(*samples.notes, *parts.notes, *notes, *reading.notes),
        data_digest=digest,
    )


def label_weights(truth: np.ndarray) -> np.ndarray:
    """Weights by which every label counts alike; of labels that may hold together, how much its presence counts."""
    if truth.ndim == 2:
        present = np.maximum(truth.sum(axis=0), 1)
        return np.clip((len(truth) - present) / present, 1 / 100, 100)
    count = np.maximum(np.bincount(truth), 1)
    return len(truth) / (len(count) * count)


def training_batches(
    encoded: Ragged,
    truth: np.ndarray,
    config: ClassifyConfig,
    size: int,
    steps: int | None,
    linear: np.ndarray | None = None,
) -> TrainingBatches:
    """Batches of `size` labelled sequences, with what `config` changes of their words.

    With `linear` (N, L), these stand for what the linear branch says.
    """
    batches = _labelled(encoded, truth, config.seed, size, steps, linear)
    return TrainingBatches(batches, seed=config.seed, unknown=config.unknown, augment=config.augment)


def usual_batch_size(count: int) -> int:
    """A two-hundredth of so many sequences or so, 16 to 64."""
    return 1 << max(4, min(6, round(math.log2(max(count / 200, 1)))))


class _Reading(NamedTuple):
    """How samples are read, what the network starts from, and which of its parameters join when."""

    config: ClassifyConfig
    inputs: Encoder | Scaling
    start: Callable[[Network], None] = lambda network: None
    frozen: Mapping[str, int] = MappingProxyType({})
    notes: tuple[str, ...] = ()


def _read(samples: Samples, training: np.ndarray, asked: ClassifyConfig, why: Reasons, classes: int) -> _Reading:
    if asked.vectors is not None and asked.pretrained is not None:
        raise ConfigError("vectors and pretrained were both given, and both hold vectors. Give one of them.")
    both = "every word is read in the light of what comes before and after it"
    if samples.rows is not None:
        config, scaling = fit_numbers(samples, training, asked, why)
        bidirectional = decide(why, "bidirectional", asked.bidirectional, True, both.replace("word", "row"))
        return _Reading(config.model_copy(update={"bidirectional": bidirectional}), scaling)
    if asked.pretrained is not None:
        model = open_language_model(asked.pretrained)
        config, encoder = fit_text(samples, training, model.settle(asked), why, model.encoder, classes)
        why["pretrained"] = (asked.pretrained, f"{len(model.layers)} recurrent layers and their embedding")
        late = {name: asked.frozen_epochs * at for at, name in enumerate(model.frozen, 1) if asked.frozen_epochs}
        return _Reading(config, encoder, partial(put_language_model, model=model), late)
    config, encoder = fit_text(samples, training, asked, why, None, classes)
    update: dict[str, Any] = {"bidirectional": decide(why, "bidirectional", asked.bidirectional, True, both)}
    if asked.vectors is None:
        return _Reading(config.model_copy(update=update), encoder)
    vectors, width, notes = fetch_vectors(asked.vectors, encoder)
    check_settled(asked, {"embedding_size": width}, asked.vectors)
    why["embedding_size"] = (width, "as wide as the vectors")
    config = config.model_copy(update=update | {"embedding_size": width})
    return _Reading(config, encoder, partial(put_vectors, vectors=vectors), notes=notes)


def _start_linear(
    network: Network,
    inputs: Encoder | Scaling,
    samples: Samples,
    training: np.ndarray,
    truth: np.ndarray,
    config: ClassifyConfig,
    why: Reasons,
) -> np.ndarray | None:
    """Start the linear branch, if there is one, at a regression; its logits (N, L) of texts that it didn't see."""
    if not isinstance(inputs, Encoder) or not inputs.runs:
        return None
    encoded = encode(inputs, samples, training)
    assert isinstance(encoded, Encoded)
    groups = [" ".join(samples.names[index].casefold().split()) for index in training]
    classes = network.get_parameter(f"chains.{LINEAR}.2.bias").numel()
    fit = fit_linear(encoded, linear_sizes(inputs), truth, groups, classes, balance=config.balance)
    start_from_linear(network, fit)
    runs = " and ".join(f"{known.size - 1:,} of {size}" for size, known in enumerate(inputs.runs, 2))
    why["linear_skip"] = (True, f"runs of words: {runs}; starts at a regression, C = {fit.strength:g}")
    return fit.held_out


def _labelled(
    encoded: Ragged, truth: np.ndarray, seed: int, size: int, steps: int | None, linear: np.ndarray | None = None
) -> BucketedBatches:
    known = torch.from_numpy(truth.astype(np.float32) if truth.ndim == 2 else truth)

    def add(indices: np.ndarray) -> dict[str, torch.Tensor]:
        added = {"truth": known[torch.from_numpy(indices)]}
        return added if linear is None else added | {LINEAR: torch.from_numpy(linear[indices])}

    return BucketedBatches(encoded, batch_size=size, seed=seed, add=add, steps=steps)


def _choose_batch(model: Model, encoded: Ragged, truth: np.ndarray, config: ClassifyConfig, why: Reasons) -> int:
    """What is usual, within memory for the longest sequences."""
    if config.batch_size is not None:
        return decide(why, "batch_size", config.batch_size, None, "")
    longest, batches = np.argsort(-encoded.lengths, kind="stable"), _labelled(encoded, truth, config.seed, 1, None)

    def probe(size: int) -> dict[str, torch.Tensor]:
        return batches.gather(np.resize(longest, size))

    choice = choose_batch_size(model.network, model.loss, probe, config, lower=16, upper=usual_batch_size(len(truth)))
    return decide(why, "batch_size", None, choice.batch_size, f"{len(truth):,} to learn from; {choice.reason}")
