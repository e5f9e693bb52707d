"""Classes of texts: sentiment of film reviews (SST-2), of tweets to airlines, and of Chinese hotel reviews.

Nothing pretrained. SST-2 has official parts; of the others a tenth is the test part and a tenth steers training, drawn
by label, with equal texts in one part. The floors, the most frequent label and a logistic regression on TF-IDF of words
and pairs of words (characters, in Chinese), learn from the same texts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from recurra.data.text import read_documents
from recurra.errors import DataError
from recurra.recipes._recipe import Figure, Reproduction
from recurra.tasks.classify import Classifier

_METRICS = {"accuracy": "accuracy, %", "macro_f1": "macro-F1, %", "ece": "calibration error, %"}
# A bidirectional LSTM on phrases (Tai et al., 2015, table 2); it starts from vectors of 840 billion words of the web.
SST_PUBLISHED = 87.5
SST_SETTINGS: dict[str, Any] = {"fewest": 1, "epochs": 4, "batch_size": 64}


def sst2_phrases(data: Path, *, seed: int, progress: Any) -> Reproduction:
    """Every phrase of a training tree that isn't neutral is a text; only whole sentences are tested."""
    folder = data / "text" / "sst"
    trees, dev, test = (
        _find(folder, name) for name in ("trees/train.only8544.txt", "stsa.binary.dev", "stsa.binary.test")
    )
    phrases = read_documents(trees, phrases=True)
    assert phrases.labels is not None
    pairs = zip(phrases.texts, (int(label) for (label,) in phrases.labels), strict=True)
    frame = pl.DataFrame(
        [(text, "1" if label > 2 else "0") for text, label in pairs if label != 2],
        schema=["text", "label"],
        orient="row",
    ).unique(maintain_order=True)
    model = Classifier(validation=str(dev), test=str(test), seed=seed, **SST_SETTINGS)
    return _classify(model, frame, progress, accuracy=SST_PUBLISHED)


def airline_tweets(data: Path, *, seed: int, progress: Any) -> Reproduction:
    """Positive, neutral or negative."""
    path = _find(data / "text" / "airline_tweets", "tweets.csv")
    return _classify(Classifier(seed=seed), path, progress)


def chnsenticorp(data: Path, *, seed: int, progress: Any) -> Reproduction:
    """Good or bad, by the text alone."""
    path = _find(data / "text" / "chnsenticorp", "ChnSentiCorp_htl_all.csv")
    return _classify(Classifier(text="review", label="label", seed=seed), path, progress)


def _classify(model: Classifier, source: Any, progress: Any, **published: float) -> Reproduction:
    scores = model.fit(source, progress="none" if progress == "none" else "auto").scores_
    figures = [
        Figure(f"{name}: {_METRICS[metric]}", 100 * value)
        for name, metrics in scores.baselines.items()
        for metric, value in metrics.items()
        if metric in ("accuracy", "macro_f1") and value is not None
    ]
    figures += [
        Figure(_METRICS[metric], 100 * value, published.get(metric))
        for metric, value in scores.metrics.items()
        if metric in _METRICS and value is not None
    ]
    assert model.training_ is not None
    figures.append(Figure("minutes of training", model.training_.seconds / 60))
    return Reproduction(tuple(figures), scores.verdict.sentence, model)


def _find(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        raise DataError(f"{folder} holds no {name}. Pass the folder above text/ as --data.")
    return folder / name
