"""A page of a made-up classifier, for the tests of pages: Chinese and right-to-left text, emoji and a NUL."""

from __future__ import annotations

import numpy as np

from recurra.evaluate import (
    Page,
    Passage,
    ScoreTable,
    Section,
    TaskScores,
    bars_picture,
    classification_scores,
    confusion_picture,
    finder_picture,
    learning_picture,
    majority,
    reliability_picture,
)

LABELS = ("negative", "neutral", "positive")


def made_up(texts: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, the probabilities of a fair model, and those of a poorer one."""
    random = np.random.default_rng(3)
    truth = random.choice(3, size=texts, p=[0.6, 0.25, 0.15])

    def softmax(logits: np.ndarray) -> np.ndarray:
        share = np.exp(logits)
        return share / share.sum(axis=1, keepdims=True)

    known = np.eye(3)[truth]
    return (
        truth,
        softmax(3 * known + random.normal(size=(texts, 3))),
        softmax(1.2 * known + random.normal(size=(texts, 3))),
    )


def make_scores() -> TaskScores:
    truth, model, poorer = made_up()
    baselines = {"TF-IDF + logistic regression": poorer, "majority": majority(truth, len(truth), classes=3)}
    return classification_scores("classify", truth, model, LABELS, baselines)


def make_page() -> Page:
    truth, model, _ = made_up()
    scores = make_scores()
    words = "Not a bad film , but I 've seen better ones and the ending spoiled it .".split(" ")
    weights = np.sin(np.arange(len(words)) * 1.1)
    passages = [
        Passage(
            "Which words mattered",
            [
                (f"{word} ", float(weight), f"{weight:+.2f} for negative")
                for word, weight in zip(words, weights, strict=True)
            ],
            "Blue speaks for negative, dotted orange against it.",
        ),
        Passage(
            "好评",
            [("酒店", 0.9, ""), ("很", 0.01, ""), ("干净", 0.6, ""), ("，\n服务", -0.4, ""), ("一般。", -1.0, "")],
        ),
        Passage(
            "שלום",
            [("שלום ", 0.8, "greets"), ("עולם ", -0.7, ""), ("<b>&", 0.0, "markup"), ("\x00👍🏽e\u0301", 0.5, "")],
        ),
    ]
    return Page(
        title="reviews.csv: text → sentiment",
        subtitle="2 × 128 LSTM, 1.2 million parameters",
        created="2026-11-20",
        scores=scores,
        facts=[("Training", "3 min", "8 epochs")],
        sections=[
            Section(
                "Training",
                pictures=[
                    learning_picture([1.1, 0.7, 0.5, 0.4], [1.0, 0.8, 0.7, 0.72], 3),
                    finder_picture([1e-4, 1e-3, 1e-2], [1.0, 0.6, 2.0], 3e-3),
                ],
            ),
            Section(
                "Mistakes",
                "Of the test part.",
                [
                    confusion_picture(truth, model.argmax(axis=1), LABELS),
                    reliability_picture(truth, model),
                    bars_picture(
                        "f1", "Macro-F1", {"model": 0.87, **dict.fromkeys(scores.baselines, 0.6)}, highlight="model"
                    ),
                ],
                [
                    ScoreTable(
                        title="Most confident mistakes",
                        columns=("text", "true", "answered", "confidence"),
                        rows=(("很好", "positive", "negative", 0.98), ("ok\x07", "neutral", "positive", None)),
                    )
                ],
                passages,
            ),
        ],
        choices=[("tokeniser", "word", "most texts have blanks between words")],
        notes=["reviews.csv: 300 rows, UTF-8.", "3 texts are empty; they're kept."],
        terms=[("Confidence", "The largest probability.")],
    )
