"""How fast a word language model trains, beside the same network of torch.nn: words a second.

    python benchmarks/language_model.py [--rounds 10] [--vocabulary 10000] [--hidden 200] [--threads 2]

Embedding, two LSTM layers with dropout, a linear map to the vocabulary with weights of its own or the embedding's,
cross-entropy, gradients clipped at 5, plain SGD; batches of 20 rows of 35 words, the state carried. Both sides begin
with the same weights and throw the same dice; where their losses or gradients differ nothing is printed but the
difference, and the exit code is 1. They train in turns of 5 steps in this one process. The bar: 1.5 times the words a
second of torch.nn, in medians; exit code 1 below it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys

import torch

from recurra import ops
from recurra.blocks import Branch, Composition, Dropout, Embedding, Linear, Recurrent, TiedLinear
from recurra.errors import TrainingError
from recurra.nn import Network
from recurra.recipes._language_speed import measure_speed

BATCH, STEPS, CLIP, BAR = 20, 35, 5.0, 1.5


def network(vocabulary: int, hidden: int, *, tied: bool) -> Network:
    """A language model of the names that the task gives its branches."""
    dropout = Dropout(rate=0.2, per="sequence")
    layers = [block for _ in range(2) for block in (dropout, Recurrent(cell="lstm", hidden_size=hidden))]
    head = TiedLinear(branch="word_vectors", categories=vocabulary) if tied else Linear(size=vocabulary)
    return Network(
        Composition(
            inputs={"words": 1},
            branches=(
                Branch(
                    name="word_vectors",
                    takes=("words",),
                    blocks=(Embedding(categories=(vocabulary,), sizes=(hidden,)),),
                ),
                Branch(name="read", takes=("word_vectors",), blocks=(*layers, dropout)),
                Branch(name="next", takes=("read",), blocks=(head,)),
            ),
        )
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--vocabulary", type=int, default=10_000)
    parser.add_argument("--hidden", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(
        f"2 x {options.hidden} LSTM, {options.vocabulary} words, batch {BATCH} x {STEPS}, {options.threads} threads, "
        f"load {os.getloadavg()[0]:.1f}; words a second, medians of {options.rounds} turns (the best)"
    )
    ratios, found = [], {}
    for name in ("untied", "tied"):
        torch.manual_seed(0)
        model = network(options.vocabulary, options.hidden, tied=name == "tied")
        try:
            speed = measure_speed(
                model, batch_size=BATCH, bptt=STEPS, clip=CLIP, optimizer="sgd", rounds=options.rounds
            )
        except TrainingError as error:
            print(f"{name}: {error}")
            return 1
        ratios.append(speed.ours / speed.torch)
        found[name] = speed._asdict()
        print(
            f"  {name:7} recurra {speed.ours:8.0f} ({speed.best_ours:.0f})   torch.nn {speed.torch:8.0f} "
            f"({speed.best_torch:.0f})   {ratios[-1]:.2f}x ({speed.best_ours / speed.best_torch:.2f}x)"
        )
    kept = min(ratios) >= BAR
    print(f"  the bar of {BAR}x: {'kept' if kept else 'BROKEN'}")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    machine = {"machine": platform.processor() or platform.machine(), "instructions": ops.instruction_set()}
    print(json.dumps({"words_per_second": found, **machine, "torch": torch.__version__, "commit": commit}))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
