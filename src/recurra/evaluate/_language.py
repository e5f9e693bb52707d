from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from recurra.evaluate._paired import chance_of_mean
from recurra.evaluate._task_scores import TaskScores, judge_task, number

BLOCKS = 400  # stretches of text that chance acts on
_SHORTEST = 50  # tokens of one


def language_scores(
    task: str,
    bits: np.ndarray,
    baselines: Mapping[str, np.ndarray],
    *,
    tokens: int,
    characters: int,
    history: Mapping[str, Any] | None = None,
) -> TaskScores:
    """Measure how many bits (N,) each piece of running text cost a model and baselines by name.

    Perplexity is two to the power of bits per token. Judged by bits per character where tokens are characters, by
    perplexity otherwise. Chance acts on stretches of the text, in its order, that may resemble their neighbours.
    """
    assert baselines, "an honest score needs a baseline"
    spent = {"model": np.asarray(bits, dtype=np.float64)}
    spent |= {name: np.asarray(other, dtype=np.float64) for name, other in baselines.items()}
    headline = "bits_per_character" if tokens == characters else "perplexity"
    measured = {name: _measure(cost, tokens=tokens, characters=characters) for name, cost in spent.items()}
    verdict = judge_task(
        headline,
        measured["model"][headline],
        {name: (measured[name][headline], _chance(spent["model"] - spent[name])) for name in baselines},
        larger=False,
        scored=f"{tokens:,} token{'s' * (tokens != 1)}",
    )
    return TaskScores(
        task=task,
        headline=headline,
        metrics=measured["model"],
        baselines={name: measured[name] for name in baselines},
        larger_is_better=(),
        verdict=verdict,
        tables=(),
        counts={"tokens": tokens, "characters": characters},
        history=dict(history or {}),
        warning=None,
    )


def _measure(bits: np.ndarray, *, tokens: int, characters: int) -> dict[str, float | None]:
    total = float(bits.sum())
    with np.errstate(over="ignore"):
        perplexity = np.exp2(np.float64(total / tokens)) if tokens else None
    return {
        "perplexity": number(perplexity),
        "bits_per_character": number(total / characters) if characters else None,
    }


def _chance(difference: np.ndarray) -> float:
    """The probability of such a difference (N,) by chance."""
    blocks = min(BLOCKS, len(difference) // _SHORTEST)
    if blocks < 1 or not np.isfinite(difference).all():
        return 1.0
    length = len(difference) // blocks
    sums = difference[: blocks * length].reshape(blocks, length).sum(axis=1)
    return chance_of_mean(sums, overlap=1)
