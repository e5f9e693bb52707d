"""Tags of words: parts of speech of the English Web Treebank, entities of WNUT17 (English) and of MSRA (Chinese).

Nothing pretrained. EWT and WNUT17 have official parts; MSRA is one file, of which a tenth is the test part. Accuracy is
over words, F1 over entities whose ends and type are right. The floors, the most frequent tag of each word and a
log-linear tagger of what words look like, learn from the same sentences.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from recurra.errors import DataError
from recurra.recipes._recipe import Figure, Reproduction
from recurra.tasks.tag import Tagger

_METRICS = {
    "accuracy": "accuracy, %",
    "unknown_accuracy": "accuracy on unknown words, %",
    "entity_f1": "entity F1, %",
    "entity_precision": "entity precision, %",
    "entity_recall": "entity recall, %",
}
# A bidirectional LSTM over words and characters, without pretraining (Plank et al., 2016, on UD 1.3).
EWT_PUBLISHED = 94.60


def ewt_upos(data: Path, *, seed: int, progress: Any) -> Reproduction:
    """Universal parts of speech of UD English EWT."""
    train, dev, test = (
        _find(data, [f"tag/ud_english_ewt/en_ewt-ud-{part}.conllu{packed}" for packed in ("", ".gz")])
        for part in ("train", "dev", "test")
    )
    return _tag(train, {"validation": str(dev), "test": str(test)}, seed, progress, published=EWT_PUBLISHED)


def wnut17(data: Path, *, seed: int, progress: Any) -> Reproduction:
    """Emerging entities in posts and comments (Derczynski et al., 2017)."""
    train, dev, test = (
        _find(data, [f"tag/wnut17/{name}"])
        for name in ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")
    )
    return _tag(train, {"validation": str(dev), "test": str(test)}, seed, progress)


def msra_ner(data: Path, *, seed: int, progress: Any) -> Reproduction:
    """Persons, places and organisations in Chinese news (Levow, 2006), character by character."""
    path = _find(data, [f"tag/msra_ner_zh/dh_msra.{ending}" for ending in ("txt", "zip")])
    return _tag(path, {"validation": "0.05", "test": "0.1"}, seed, progress)


def _tag(
    path: Path, parts: dict[str, Any], seed: int, progress: Any, *, published: float | None = None
) -> Reproduction:
    model = Tagger(**parts, seed=seed).fit(path, progress="none" if progress == "none" else "auto")
    scores = model.scores_
    figures = [
        Figure(f"{name}: {_METRICS[metric]}", 100 * value)
        for name, metrics in scores.baselines.items()
        for metric, value in metrics.items()
        if metric in (scores.headline, "unknown_accuracy") and value is not None
    ]
    for metric, value in scores.metrics.items():
        if value is not None:
            given = published if metric == scores.headline else None
            figures.append(Figure(_METRICS[metric], 100 * value, given))
    assert model.training_ is not None
    figures.append(Figure("minutes of training", model.training_.seconds / 60))
    return Reproduction(tuple(figures), scores.verdict.sentence, model)


def _find(data: Path, names: list[str]) -> Path:
    """The first of these files that is there."""
    for name in names:
        if (data / name).is_file():
            return data / name
    raise DataError(f"{data} holds no {' or '.join(names)}. Pass the folder that does as --data.")
