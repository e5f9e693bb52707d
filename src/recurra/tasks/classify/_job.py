"""Fitting a classifier to a calibrated network with scores; and measuring it on other samples."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from recurra import evaluate
from recurra.blocks import Composition
from recurra.data._words import many
from recurra.data.text import Encoder, Parts
from recurra.nn import Network
from recurra.tasks._training import computing as threads
from recurra.tasks.classify._answers import Answers
from recurra.tasks.classify._baselines import MAJORITY, baselines
from recurra.tasks.classify._composition import LINEAR, RECURRENT
from recurra.tasks.classify._config import ClassifyConfig
from recurra.tasks.classify._inputs import encode
from recurra.tasks.classify._linear_start import share_out
from recurra.tasks.classify._model import Model
from recurra.tasks.classify._parts import split, truth_of, with_known_labels
from recurra.tasks.classify._preparing import Plan
from recurra.tasks.classify._samples import Samples
from recurra.tasks.classify._scaling import Scaling
from recurra.train import Progress, TrainingResult, train

TASK = "classify"
_SMALL = 64  # hidden units, from which on two threads pay
MOST_VALIDATED = 10_000
_SHARES = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)  # of the linear branch in the answer


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained and calibrated classifier."""

    config: ClassifyConfig
    answers: Answers
    inputs: Encoder | Scaling
    composition: Composition
    network: Network
    data_digest: str

    def probabilities(self, samples: Samples, indices: np.ndarray | None = None) -> np.ndarray:
        """Probabilities (N, L) of samples, or of chosen ones."""
        chosen = np.arange(len(samples)) if indices is None else indices
        model = Model(self.network, multi=self.answers.multi)
        return self.answers.probabilities(model.logits(encode(self.inputs, samples, chosen)))


@dataclass(frozen=True, eq=False)
class Measured:
    """How answers fared on samples that were not learnt from."""

    samples: Samples
    indices: np.ndarray  # of those that were measured
    labels: tuple[str, ...]
    truth: np.ndarray  # (N,) classes, or (N, L) booleans
    probabilities: np.ndarray  # (N, L)
    scores: evaluate.TaskScores


def computing(config: ClassifyConfig) -> AbstractContextManager[None]:
    """As many threads as were asked for, or as suit the network."""
    return threads(config.threads, small=config.hidden_size < _SMALL)


def fit(
    plan: Plan, *, checkpoint: Path | None, resume: bool, progress: Progress | None
) -> tuple[Fitted, TrainingResult]:
    """Train on the training part; stop early and calibrate on the validation part."""
    held_out = plan.parts.validation
    encoded = encode(plan.inputs, plan.samples, held_out[:MOST_VALIDATED])
    truth = plan.truth[held_out[:MOST_VALIDATED]]

    linear = plan.model.logits(encoded, LINEAR) if LINEAR in plan.network.chains else None

    def validate(_: torch.nn.Module) -> float:
        if linear is None:
            return calibrated(plan.model.logits(encoded), truth, plan.answers)[1]
        return choose_share(plan.model.logits(encoded, RECURRENT), linear, truth, plan.answers)[1]

    result = train(
        plan.network,
        plan.model.loss,
        plan.batches,
        validate if len(held_out) else None,
        plan.training,
        frozen=plan.frozen,
        checkpoint=checkpoint,
        resume=resume,
        progress=progress,
    )
    answers = plan.answers
    if len(held_out):
        if linear is not None:
            share, _ = choose_share(plan.model.logits(encoded, RECURRENT), linear, truth, answers)
            share_out(plan.network, share)
            reason = (
                f"of the answer; more of the network is better by less than a standard error on {len(encoded):,} texts"
            )
            plan.reasons["linear_share"] = (share, reason)
        temperature = calibrated(plan.model.logits(encoded), truth, answers)[0]
        answers = answers.model_copy(update={"temperature": temperature})
    plan.network.eval()
    fitted = Fitted(
        config=plan.asked,
        answers=answers,
        inputs=plan.inputs,
        composition=plan.network.composition,
        network=plan.network,
        data_digest=plan.data_digest,
    )
    return fitted, result


def measure(fitted: Fitted, plan: Plan, training: TrainingResult) -> Measured:
    """Answer the test part, beside baselines that learnt from the same training part."""
    return measure_part(fitted, plan.samples, plan.parts, plan.truth, training)


def measure_part(
    fitted: Fitted,
    samples: Samples,
    parts: Parts,
    truth: np.ndarray,
    training: TrainingResult | None,
    notes: tuple[str, ...] = (),
) -> Measured:
    """Answer the test part of samples, beside baselines that learnt from their training part."""
    labels = fitted.answers.labels
    rivals = baselines(samples, parts.training, parts.test, truth, fitted.inputs, len(labels))
    measured = _measured(fitted, samples, parts.test, rivals, labels, training and training.curves)
    return replace(measured, scores=measured.scores.warned(*notes))


def measure_others(fitted: Fitted, samples: Samples) -> Measured:
    """Answer samples of another source, beside the shares of the labels in training.

    What it was fitted on is split again as it was, and only the test part is answered.
    """
    if samples.digest() == fitted.data_digest:
        samples, parts = split(samples, fitted.config)
        assert samples.labels is not None
        labels = fitted.answers.labels
        samples, parts, notes = with_known_labels(samples, parts, labels)
        assert samples.labels is not None
        truth = truth_of(samples.labels, labels, multi=samples.multi)
        measured = measure_part(fitted, samples, parts, truth, None, notes)
        return replace(measured, scores=measured.scores.of_test_part())
    assert samples.labels is not None
    new = sorted({label for each in samples.labels for label in each} - set(fitted.answers.labels))
    labels = (*fitted.answers.labels, *new)
    shares = np.array([*fitted.answers.shares, *[0.0] * len(new)])
    rivals = {MAJORITY: np.tile(shares, (len(samples), 1))}
    return _measured(fitted, samples, np.arange(len(samples)), rivals, labels, None)


def _measured(
    fitted: Fitted,
    samples: Samples,
    indices: np.ndarray,
    rivals: dict[str, np.ndarray],
    labels: tuple[str, ...],
    history: dict[str, list[float]] | None,
) -> Measured:
    assert samples.labels is not None
    known, held = fitted.answers.labels, tuple(samples.labels[index] for index in indices)
    truth = truth_of(held, labels, multi=fitted.answers.multi)
    probabilities = fitted.probabilities(samples, indices)
    # Labels that training never saw are never answered.
    probabilities = np.pad(probabilities, ((0, 0), (0, len(labels) - probabilities.shape[1])))
    scores = evaluate.classification_scores(
        TASK, truth, probabilities, labels, rivals, noun=samples.noun, history=history
    )
    unseen = sum(not set(known).issuperset(each) for each in held)
    scores = scores.with_unseen(labels[len(known) :], unseen, of=many(samples.noun))
    return Measured(samples, indices, labels, truth, probabilities, scores)


def choose_share(recurrent: np.ndarray, linear: np.ndarray, truth: np.ndarray, answers: Answers) -> tuple[float, float]:
    """How much of the answer the linear branch is to be; and the lowest log loss that any share has.

    It's the most whose loss is within a standard error of the lowest: on few texts the share that fits them
    best gives the network more weight than it deserves (Breiman et al., 1984, section 3.4.3, with the
    standard error of the difference).
    """
    losses = {share: _losses(2 * ((1 - share) * recurrent + share * linear), truth, answers)[1] for share in _SHARES}
    best = min(losses.values(), key=np.mean)

    def is_close(share: float) -> bool:
        excess = losses[share] - best
        return excess.mean() <= excess.std() / np.sqrt(len(excess))

    return next(share for share in _SHARES if is_close(share)), float(best.mean())


def calibrated(logits: np.ndarray, truth: np.ndarray, answers: Answers) -> tuple[float, float]:
    """The temperature that suits the truth best, and the log loss then: how sure to be is learnt, so no loss is due."""
    temperature, losses = _losses(logits, truth, answers)
    return temperature, float(losses.mean())


def _losses(logits: np.ndarray, truth: np.ndarray, answers: Answers) -> tuple[float, np.ndarray]:
    """The same, and the loss of each text (N,)."""
    temperature = evaluate.fit_temperature(logits, truth)
    share = np.clip(answers.model_copy(update={"temperature": temperature}).probabilities(logits), 1e-7, 1 - 1e-7)
    if truth.ndim == 2:
        return temperature, -np.where(truth, np.log(share), np.log1p(-share)).mean(axis=1)
    return temperature, -np.log(share[np.arange(len(truth)), truth])
