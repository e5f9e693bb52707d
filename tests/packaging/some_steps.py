"""A program for environments without torch: some steps of an LSTM, held against its equations.

Whoever builds wheels runs it on each of them.
"""

from __future__ import annotations

import sys

import numpy as np

from recurra import ops


def main() -> None:
    features, hidden, rows = 3, 5, 2
    random = np.random.default_rng(0)
    w_ih, w_hh, b_ih, b_hh = (
        random.normal(size=size).astype(np.float32)
        for size in ((4 * hidden, features), (4 * hidden, hidden), 4 * hidden, 4 * hidden)
    )
    for name in ops.instruction_sets():
        with ops.use_instruction_set(name):
            stream = ops.Stream([("lstm", w_ih, w_hh, b_ih, b_hh, None)], rows)
            h = c = np.zeros((rows, hidden), np.float32)
            for x in random.normal(size=(3, rows, features)).astype(np.float32):
                i, f, g, o = np.split(x @ w_ih.T + h @ w_hh.T + b_ih + b_hh, 4, axis=1)
                c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
                h = np.tanh(c) / (1 + np.exp(-o))
                np.testing.assert_allclose(stream.step(x), h, rtol=1e-5, atol=1e-6)
        print(f"{name}: right")
    assert "torch" not in sys.modules


if __name__ == "__main__":
    main()
