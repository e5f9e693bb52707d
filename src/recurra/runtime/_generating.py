from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from recurra.errors import ConfigError
from recurra.runtime._native import Program, State


def generate_codes(
    program: Program,
    answer: np.ndarray,
    state: State,
    *,
    steps: int,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    seed: int | None = None,
    barred: Collection[int] = (),
) -> Iterator[tuple[int, float]]:
    """Draw a code from `answer`, step with it, and so on: each code, and -log2 of its probability.

    `answer` (V,), float32, is what the last step said of the next code, logits or logarithms of probabilities. It and
    `state` are always those just after the code that was yielded last. `temperature` divides the logits; 0 takes the
    likeliest. Codes come from the `top_k` likeliest (0: from all), of which as few are left as have `top_p` of all
    probability together (1: all); never from `barred`. One seed gives the same codes on one machine: each takes one
    number of `numpy.random.default_rng(seed)`. Bits are by the network's own probabilities, nothing being cut off.
    ConfigError for what can't be drawn with.
    """
    if not 0 <= temperature <= 1e6 or top_k < 0 or not 0 < top_p <= 1:
        raise ConfigError(
            f"temperature {temperature}, top_k {top_k} and top_p {top_p}: expected a temperature from 0 to 1,000,000, "
            "a top_k of at least 0 and a top_p above 0 and at most 1. Leave out what you don't need."
        )
    unknown = [code for code in barred if not 0 <= code < len(answer)]
    if unknown or len(set(barred)) == len(answer):
        raise ConfigError(f"Codes to leave out are {sorted(barred)}; expected some of 0 to {len(answer) - 1}, not all.")
    random, barred = np.random.default_rng(seed), list(barred)
    for _ in range(steps):
        codes, bits = program.generate(
            answer, state, random.random(1), temperature=temperature, top_k=top_k, top_p=top_p, barred=barred
        )
        yield int(codes[0]), float(bits[0])
