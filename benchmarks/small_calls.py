"""Short calls: `recurra.nn` beside `torch.nn`, to choose and to check when `recurra.ops.plan` leaves a call to torch.

    python benchmarks/small_calls.py [--rounds 7] [--only gru]

Each layer runs few steps of few rows on one thread, without keeping anything and in training, in turns with torch's.
Times are of the processor, which other programs disturb least; ratios are those of medians. Exit code 1 if a call takes
longer than torch's by more than 10 % and 5 microseconds, in the median and the fastest round.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from itertools import product
from statistics import median
from time import thread_time_ns
from typing import Any

import torch

from recurra import nn

STEPS, ROWS, HIDDEN = (1, 2, 3, 4, 6, 8), (1, 8, 64), (8, 32, 128, 512)
ROUND_US = 6000
MOST = 1.1


def forward(layer: Any, x: Any, state: Any) -> None:
    with torch.inference_mode():
        layer(x, state)


def training(layer: Any, x: Any, state: Any) -> None:
    output, _ = layer(x, state)
    output.backward(x)
    for parameter in layer.parameters():
        parameter.grad = None


def microseconds(call: Callable[[], None], count: int) -> float:
    start = thread_time_ns()
    for _ in range(count):
        call()
    return (thread_time_ns() - start) / count / 1e3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=("rnn", "gru", "lstm"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    slower, ratios = [], []
    for kind, hidden in product(("RNN", "GRU", "LSTM"), HIDDEN):
        if options.only not in (None, kind.lower()):
            continue
        sides: list[Any] = [getattr(room, kind)(hidden, hidden) for room in (torch.nn, nn)]
        sides[1].load_state_dict(sides[0].state_dict())
        for steps, rows, run in product(STEPS, ROWS, (forward, training)):
            x, h = torch.randn(steps, rows, hidden), torch.zeros(1, rows, hidden)
            state = (h, h) if kind == "LSTM" else h
            calls = [lambda layer=layer, x=x, s=state, run=run: run(layer, x, s) for layer in sides]
            first = [microseconds(call, 3) for call in calls]
            count = max(2, int(ROUND_US / max(first)))
            theirs, ours = times = [], []
            for round_ in range(options.rounds):
                for side in (0, 1) if round_ % 2 else (1, 0):
                    times[side].append(microseconds(calls[side], count))
            ratio = median(theirs) / median(ours)
            kernel = sides[1].plan(steps=steps, rows=rows).kernel
            ratios.append(ratio)
            print(
                f"{kind:4} {run.__name__:8} T{steps} B{rows:<3} H{hidden:<4} torch {median(theirs):8.1f} us"
                f"  ours {median(ours):8.1f} us  {ratio:5.2f}x  {kernel}"
            )
            if all(mine > MOST * other and mine > other + 5 for mine, other in
                   ((median(ours), median(theirs)), (min(ours), min(theirs)))):  # fmt: skip
                slower.append(f"{kind} {run.__name__} T{steps} B{rows} H{hidden} ({ratio:.2f}x, {kernel})")
    print(f"{len(ratios)} calls, the lowest ratio {min(ratios):.2f}; slower than torch: {'; '.join(slower) or 'none'}")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
