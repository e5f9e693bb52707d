"""A network keeps its weights once, whatever the lengths that it is run for."""

from __future__ import annotations

import numpy as np

from recurra.blocks import Branch, Composition, Embedding, Linear
from recurra.runtime import Network

ROWS, WIDTH = 60_000, 64  # 15 MB


def resident() -> int:
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_a_table_is_kept_once_for_all_lengths() -> None:
    composition = Composition(
        inputs={"code": 1},
        branches=(
            Branch(name="y", takes=("code",), blocks=(Embedding(categories=(ROWS,), sizes=(WIDTH,)), Linear(size=2))),
        ),
    )
    weights = {
        "chains.y.0.tables.0.weight": np.ones((ROWS, WIDTH), dtype=np.float32),
        "chains.y.1.weight": np.ones((2, WIDTH), dtype=np.float32),
        "chains.y.1.bias": np.zeros(2, dtype=np.float32),
    }
    network = Network(composition, weights)
    network.run({"code": np.full((1, 1, 1), 7)})
    before = resident()
    for length in range(2, 12):
        assert (network.run({"code": np.full((1, length, 1), 7)})["y"] == WIDTH).all()
    assert resident() - before < 2 * 4 * ROWS * WIDTH
