from __future__ import annotations

import numpy as np
import pytest

from recurra.evaluate import language_scores


def test_by_hand():
    scores = language_scores("generate", np.array([1.0, 3.0]), {"n": np.array([4.0, 4.0])}, tokens=2, characters=8)
    assert scores.headline == "perplexity"
    assert scores.metrics == {"perplexity": pytest.approx(4.0), "bits_per_character": pytest.approx(0.5)}
    assert scores.baselines["n"] == {"perplexity": pytest.approx(16.0), "bits_per_character": pytest.approx(1.0)}
    assert scores.verdict.outcome == "unproven"  # two tokens prove nothing


def test_characters_are_judged_by_bits():
    bits = np.random.default_rng(1).exponential(2, size=3000)
    scores = language_scores("generate", bits, {"n": bits + 0.1}, tokens=3000, characters=3000)
    assert scores.headline == "bits_per_character"
    assert scores.verdict.outcome == "better"


def test_noise_is_no_verdict():
    bits, other = np.random.default_rng(2).exponential(4, size=(2, 3000))
    scores = language_scores("generate", bits, {"n": other}, tokens=3000, characters=9000)
    assert scores.verdict.chance["n"]["perplexity"] > 0.05
    assert scores.verdict.beats == scores.verdict.loses_to == ()


def test_an_impossible_code_has_no_perplexity():
    scores = language_scores("generate", np.ones(200), {"n": np.full(200, np.inf)}, tokens=200, characters=200)
    assert scores.baselines["n"] == {"perplexity": None, "bits_per_character": None}
    assert scores.verdict.outcome == "unknown"
