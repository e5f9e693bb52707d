"""Fitting a language model, from plain text to a network with scores; and measuring it on other text."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recurra import evaluate
from recurra.blocks import Composition
from recurra.data.text import Corpus, Encoder, choose_tokeniser, fit_encoder, open_corpus
from recurra.errors import ConfigError
from recurra.nn import Network
from recurra.tasks._training import computing as threads
from recurra.tasks.generate._adapting import adapted_bits, cached_bits
from recurra.tasks.generate._batches import RunningBatches
from recurra.tasks.generate._choices import Chosen, Reasons, choose
from recurra.tasks.generate._composition import compose
from recurra.tasks.generate._config import GenerateConfig
from recurra.tasks.generate._model import CarriedLoss, spent_bits
from recurra.tasks.generate._text import PARTS, Codes, Stretch, check_amount, cut, whole
from recurra.train import Progress, TrainingConfig, TrainingResult, train

TASK = "generate"
MOST_VALIDATED = 200_000  # pieces, after each epoch
MOST_MEASURED = 2_000_000
MOST_COUNTED = 5_000_000  # pieces that the n-gram baseline learns from
_SMALL = 64  # units, for which one thread is enough
_WORDS, _PARTS_OF_WORDS = 50_000, 8_000
_AT_ONCE = 1 << 24


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything settled before training."""

    config: GenerateConfig
    corpus: Corpus
    codes: Mapping[str, Codes]  # by part
    notes: tuple[str, ...]
    reasons: Reasons
    fitted: Fitted
    training: TrainingConfig


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained language model and what it reads with."""

    config: GenerateConfig
    chosen: Chosen
    composition: Composition
    encoder: Encoder
    network: Network
    begin: int  # the code that text is said to follow
    unigram: np.ndarray  # (V,) share of each piece in the training part, as a baseline for texts from elsewhere
    data_digest: str

    @property
    def kind(self) -> str:
        """Of its pieces."""
        return self.encoder.tokeniser.kind

    @property
    def order(self) -> int:
        """Pieces of an n-gram of the baseline."""
        return 6 if self.kind == "character" else 5


@dataclass(frozen=True, eq=False)
class Measured:
    """A text, what each of its pieces cost, and the scores made of that."""

    codes: np.ndarray  # (N,)
    bits: np.ndarray  # (N,)
    scores: evaluate.TaskScores


def computing(config: GenerateConfig, units: int | None) -> AbstractContextManager[None]:
    """As many threads as were asked for, or as suit the network."""
    return threads(config.threads, small=units is not None and units <= _SMALL)


def prepare(source: str | Path, config: GenerateConfig) -> Plan:
    """Cut the text, choose what was left open, and build the network."""
    corpus, stretches, notes = cut(source, validation=config.validation, test=config.test)
    encoder, why = fit_pieces(stretches["training"], config)
    reasons: Reasons = {"tokeniser": (encoder.tokeniser.kind, why)}
    codes = {name: stretches[name].encode(encoder) for name in PARTS}
    check_amount(codes, source)
    learning = codes["training"].codes
    known = encoder.words
    reasons["vocabulary"] = (known.size - 1, f"kinds of pieces that occur {config.fewest} times or more")
    chosen = choose(config, reasons, kind=encoder.tokeniser.kind, pieces=len(learning), categories=known.size)
    if chosen.batch_size * 2 > len(learning):
        raise ConfigError(f"batch_size={chosen.batch_size} rows of {len(learning)} pieces. Make it smaller.")
    composition = compose(chosen, known.size)
    torch.manual_seed(config.seed)
    network = Network(composition)
    reasons["parameters"] = (f"{sum(each.numel() for each in network.parameters()):,}", "numbers that are learnt")
    counts = _count(learning, known.size) + 0.5
    fitted = Fitted(
        config=config,
        chosen=chosen,
        composition=composition,
        encoder=encoder,
        network=network,
        begin=_begin(known.pieces),
        unigram=counts / counts.sum(),
        data_digest=corpus.digest,
    )
    training: dict[str, Any] = {"epochs": chosen.epochs, "steps_per_epoch": chosen.steps_per_epoch}
    # What the progress display counts: pieces.
    training |= {"batch_size": chosen.batch_size * chosen.bptt}
    return Plan(
        config=config,
        corpus=corpus,
        codes=codes,
        notes=(*notes, *_about_unknown(codes["test"], "the test part")),
        reasons=reasons,
        fitted=fitted,
        training=TrainingConfig.of(config, **training),
    )


def fit_pieces(stretch: Stretch, config: GenerateConfig) -> tuple[Encoder, str]:
    """The tokeniser, why it, and the vocabulary of the training part."""
    bpe = config.tokeniser == "bpe"
    most = config.vocabulary or (_PARTS_OF_WORDS if bpe else _WORDS)
    tokeniser, why = choose_tokeniser(stretch.texts(), config.tokeniser, vocabulary=most, lossless=True)
    encoder = fit_encoder(stretch.pieces(tokeniser), tokeniser, vocabulary=most, fewest=config.fewest)
    if encoder.words.size < 3:
        raise ConfigError(f"No two pieces occur {config.fewest} times. Bring a longer text, or pass --fewest 1.")
    return encoder, why


def fit(
    plan: Plan, *, checkpoint: Path | None, resume: bool, progress: Progress | None
) -> tuple[Fitted, TrainingResult]:
    """Train on the first part of the text; stop early by the second."""
    fitted, chosen = plan.fitted, plan.fitted.chosen
    carried = CarriedLoss()
    result = train(
        fitted.network,
        carried,
        RunningBatches(
            plan.codes["training"].codes,
            batch_size=chosen.batch_size,
            bptt=chosen.bptt,
            seed=plan.config.seed,
            steps=chosen.steps_per_epoch,
        ),
        lambda network: validation_loss(fitted, plan.codes["validation"].codes),
        plan.training,
        carry=carried,
        checkpoint=checkpoint,
        resume=resume,
        progress=progress,
    )
    fitted.network.eval()
    return fitted, result


def validation_loss(fitted: Fitted, codes: np.ndarray) -> float:
    """Nats a piece."""
    bits = spent_bits(fitted.network, codes[:MOST_VALIDATED], begin=fitted.begin, exact=False)
    return float(bits.mean() * np.log(2))


def measure(
    fitted: Fitted,
    text: Codes,
    learnt: np.ndarray | None,
    training: TrainingResult | None = None,
    *,
    dynamic: float | None = None,
    cache: int | None = None,
) -> Measured:
    """Score a text beside n-grams of the training part, `learnt` (N,), where that is at hand, and beside unigrams.

    With `dynamic` the network learns on as it reads, at that rate; with `cache` it mixes in what followed likely
    places among so many last pieces. Then the network as it was is one more baseline.
    """
    if dynamic is not None and cache is not None:
        raise ConfigError("dynamic and cache are two ways to follow a text. Pass one of them.")
    if (dynamic or 0) < 0 or (cache is not None and cache < 1):
        raise ConfigError(f"dynamic={dynamic}, cache={cache}: expected a rate from 0 up, or 1 or more pieces.")
    codes = np.asarray(text.codes[:MOST_MEASURED], np.int64)
    bits = spent_bits(fitted.network, codes, begin=fitted.begin)
    baselines = baseline_bits(fitted, codes, learnt)
    if dynamic is not None or cache is not None:
        baselines = {"as trained": bits, **baselines}
    if dynamic is not None:
        bits = adapted_bits(fitted.network, codes, begin=fitted.begin, rate=dynamic)
    if cache is not None:
        bits = cached_bits(fitted.network, codes, begin=fitted.begin, size=cache)
    share = len(codes) / len(text.codes)
    scores = evaluate.language_scores(
        TASK,
        bits,
        baselines,
        tokens=len(codes),
        characters=len(codes) if fitted.kind == "character" else round(text.characters * share),
        history=training and training.curves,
    )
    if share < 1:
        about = f"The first {len(codes):,} of {len(text.codes):,} pieces were scored."
        scores = scores.warned(about)
    return Measured(codes, bits, scores)


def baseline_bits(fitted: Fitted, codes: np.ndarray, learnt: np.ndarray | None) -> dict[str, np.ndarray]:
    """What each piece of a text costs the baselines."""
    unigram = -np.log2(fitted.unigram[codes])
    if learnt is None:
        return {"unigram": unigram}
    grams = evaluate.KneserNey(fitted.order, fitted.encoder.words.size).fit(learnt[-MOST_COUNTED:])
    before = np.array([fitted.begin])
    found = -grams.log2_probabilities(codes, before=before)
    return {f"kneser-ney-{fitted.order}": found, "unigram": unigram}


def evaluate_on(
    fitted: Fitted, source: str | Path, *, dynamic: float | None = None, cache: int | None = None
) -> Measured:
    """Measure on a text: on its test part, if it is the one that was fitted, else on all of it."""
    corpus = open_corpus(source)
    learnt, text = None, whole(corpus)
    if corpus.digest == fitted.data_digest:
        _, stretches, _ = cut(source, validation=fitted.config.validation, test=fitted.config.test)
        learnt, text = stretches["training"].encode(fitted.encoder).codes, stretches["test"]
    encoded = text.encode(fitted.encoder)
    check_amount({"test": encoded}, source)
    measured = measure(fitted, encoded, learnt, dynamic=dynamic, cache=cache)
    if learnt is not None:
        return replace(measured, scores=measured.scores.of_test_part())
    about = "Kneser-Ney needs the text that the model was fitted on, so single pieces are the only baseline here."
    unknown = _about_unknown(encoded, "this text")
    return replace(measured, scores=measured.scores.warned(*unknown, about))


def _count(codes: np.ndarray, categories: int) -> np.ndarray:
    """How often each code occurs (V,), in bounded memory."""
    parts = (codes[start : start + _AT_ONCE] for start in range(0, len(codes), _AT_ONCE))
    return np.sum([np.bincount(part, minlength=categories) for part in parts], axis=0)


def _begin(pieces: tuple[str, ...]) -> int:
    """The commonest piece that ends a line, as what any text follows; else the unknown."""
    return next((code for code, piece in enumerate(pieces, 1) if piece.endswith("\n")), 0)


def _about_unknown(text: Codes, what: str) -> tuple[str, ...]:
    size = len(text.codes)
    unknown = size - int(np.count_nonzero(text.codes))
    if not unknown:
        return ()
    return (f"{unknown:,} of {size:,} pieces of {what} are unknown, {unknown / size:.2%}; all count.",)
