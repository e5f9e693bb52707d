"""What `recurra.accelerate` does to the training of whole models: the same model on torch.nn and after the swap.

    python benchmarks/end_to_end.py [--rounds 7] [--steps 20] [--threads 2] [--only tagger] [--json]

Models are written as users of torch write them; data are random, in the shape of well-known sets: ETTh1's windows,
Penn Treebank's words, CoNLL-2003's sentences, the pairs of torch's tutorial on translation. A round trains `--steps`
batches with each of the two, one after the other, in turns, from the same weights over the same batches; `--steps 0`
trains the whole epoch. Printed are medians over rounds of the time of a step, that times the steps of an epoch, and the
median of each round's ratio. The time is that of everything: embedding, output layer, loss, clipping, optimiser.

First both must have the same gradients for the first batch and the same losses all the way; otherwise nothing is
printed but the difference, and the exit code is 1. It is 1 too if a model trains slower than on torch.nn by more than
2 %, both by the median of the ratios and by the fastest round of each, which other programs disturb least. There is no
dropout: the two may throw their dice in another order.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import recurra

GRADIENT_LIMIT = 1e-4  # norm of the difference over the norm
LOSS_LIMIT = 1e-3  # relative; optimisers enlarge what rounding does
RATIO_LIMIT = 0.98
SIDES = ("torch", "ours")

Batch = tuple[Tensor, ...]


class Forecaster(nn.Module):
    """The next day from the last four, hour by hour."""

    def __init__(self, layer: type[nn.LSTM] | type[nn.GRU], hidden: int) -> None:
        super().__init__()
        self.recurrent = layer(7, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 24)

    def loss(self, batch: Batch, state: Any) -> tuple[Tensor, Any]:
        x, y = batch
        return nn.functional.mse_loss(self.head(self.recurrent(x)[0][:, -1]), y), None


class LanguageModel(nn.Module):
    """The next word; the state goes on from one batch to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10_000, 200)
        self.recurrent = nn.LSTM(200, 200, 2)
        self.output = nn.Linear(200, 10_000)

    def loss(self, batch: Batch, state: Any) -> tuple[Tensor, Any]:
        (words,) = batch
        hidden, state = self.recurrent(self.embedding(words[:-1]), state)
        scores = self.output(hidden).flatten(0, 1)
        return nn.functional.cross_entropy(scores, words[1:].flatten()), tuple(field.detach() for field in state)


class Tagger(nn.Module):
    """A tag for each word of packed sentences, read from both ends."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(23_624, 100)
        self.recurrent = nn.LSTM(100, 128, batch_first=True, bidirectional=True)
        self.output = nn.Linear(256, 9)

    def loss(self, batch: Batch, state: Any) -> tuple[Tensor, Any]:
        words, lengths, tags = batch
        packed = pack_padded_sequence(self.embedding(words), lengths, batch_first=True, enforce_sorted=False)
        hidden, _ = pad_packed_sequence(self.recurrent(packed)[0], batch_first=True)
        return nn.functional.cross_entropy(self.output(hidden).flatten(0, 1), tags.flatten(), ignore_index=-1), None


class Translator(nn.Module):
    """A sentence into another, whose decoder looks back at the first at each word, and so goes word by word."""

    def __init__(self) -> None:
        super().__init__()
        self.source = nn.Embedding(4601, 128)
        self.target = nn.Embedding(2991, 128)
        self.encoder = nn.GRU(128, 128, batch_first=True)
        self.decoder = nn.GRU(256, 128, batch_first=True)
        self.output = nn.Linear(128, 2991)

    def loss(self, batch: Batch, state: Any) -> tuple[Tensor, Any]:
        source, target = batch
        memory, hidden = self.encoder(self.source(source))
        outputs = []
        for word in self.target(target[:, :-1]).split(1, dim=1):
            attention = (memory @ hidden[0, :, :, None]).softmax(dim=1)  # (B, T, 1)
            seen = (attention * memory).sum(dim=1, keepdim=True)
            output, hidden = self.decoder(torch.cat([word, seen], dim=2), hidden)
            outputs.append(output)
        scores = self.output(torch.cat(outputs, dim=1)).flatten(0, 1)
        return nn.functional.cross_entropy(scores, target[:, 1:].flatten()), None


def windows() -> Iterable[Batch]:
    """Seven columns with a daily wave and noise that wanders: 8640 hours, four days in, one day out."""
    hours = torch.arange(8640.0)[:, None]
    waves = torch.sin(hours * 2 * torch.pi / 24 + torch.arange(7.0)) + 0.05 * torch.randn(8640, 7).cumsum(0)
    windows = waves.unfold(0, 96 + 24, 1).transpose(1, 2)  # (windows, 120, 7)
    for rows in torch.randperm(len(windows)).split(64):
        chosen = windows[rows]
        yield chosen[:, :96].contiguous(), chosen[:, 96:, -1].contiguous()


def text() -> Iterable[Batch]:
    """929,589 words whose frequencies fall as those of a language do, in 20 columns, 35 words a batch."""
    words = _words(10_000, 929_589)
    columns = words[: len(words) // 20 * 20].view(20, -1).T.contiguous()
    for start in range(0, len(columns) - 35, 35):
        yield (columns[start : start + 36],)


def sentences() -> Iterable[Batch]:
    """14,041 sentences of 1 to 113 words, 14 or so on average, 32 a batch."""
    lengths = torch.empty(14_041).log_normal_(2.3, 0.85).long().clamp(1, 113)
    for counts in lengths.split(32):
        longest = int(counts.max())
        beyond = torch.arange(longest) >= counts[:, None]
        words = _words(23_624, len(counts) * longest).view(-1, longest)
        yield words.masked_fill(beyond, 0), counts, (words % 9).masked_fill(beyond, -1)


def pairs() -> Iterable[Batch]:
    """11,445 pairs of sentences of 10 words, 32 a batch."""
    source, target = _words(4601, 11_445 * 10).view(-1, 10), _words(2991, 11_445 * 11).view(-1, 11)
    yield from zip(source.split(32), target.split(32), strict=True)


def _words(vocabulary: int, count: int) -> Tensor:
    return torch.multinomial(1 / torch.arange(1.0, vocabulary + 1), count, replacement=True)


@dataclass(frozen=True)
class Training:
    make: Callable[[], nn.Module]
    epoch: Callable[[], Iterable[Batch]]
    optimizer: Callable[[Iterable[Tensor]], torch.optim.Optimizer]


def _adam(parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=1e-3)


TRAININGS = {
    **{
        f"{layer.__name__} forecaster, hidden {hidden}": Training(
            lambda layer=layer, hidden=hidden: Forecaster(layer, hidden), windows, _adam
        )
        for layer in (nn.LSTM, nn.GRU)
        for hidden in (64, 256)
    },
    "LSTM language model, 2 x 200": Training(LanguageModel, text, lambda p: torch.optim.SGD(p, lr=1.0)),
    "BiLSTM tagger, packed": Training(Tagger, sentences, _adam),
    "GRU translator, word by word": Training(Translator, pairs, _adam),
}


def train(training: Training, model: Any, batches: list[Batch]) -> list[Tensor]:
    """One loss a step."""
    optimizer = training.optimizer(model.parameters())
    losses, state = [], None
    for batch in batches:
        optimizer.zero_grad()
        loss, state = model.loss(batch, state)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.detach())
    return losses


def difference(training: Training, models: dict[str, Any], batches: list[Batch]) -> str | None:
    """How the two sides differ by more than rounding, if they do."""
    gradients = {
        side: torch.autograd.grad(models[side].loss(batches[0], None)[0], list(models[side].parameters()))
        for side in SIDES
    }
    names = [name for name, _ in models["torch"].named_parameters()]
    for name, one, other in zip(names, gradients["torch"], gradients["ours"], strict=True):
        apart = ((one - other).norm() / one.norm()).item()
        if not apart < GRADIENT_LIMIT:
            return f"the gradient of {name} differs by {apart:.2g} of its norm"
    one, other = (torch.stack(train(training, copy.deepcopy(models[side]), batches)) for side in SIDES)
    apart = ((one - other).abs() / one.abs()).max().item()
    return None if apart < LOSS_LIMIT else f"a loss differs by {apart:.2g} of its value"


def measure(training: Training, models: dict[str, Any], batches: list[Batch], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of a step for each side, round by round."""
    times: dict[str, list[float]] = {side: [] for side in SIDES}
    for round_ in range(rounds):
        for side in SIDES if round_ % 2 == 0 else reversed(SIDES):
            model = copy.deepcopy(models[side])
            start = perf_counter()
            train(training, model, batches)
            times[side].append((perf_counter() - start) / len(batches) * 1e3)
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--only", default="", help="part of a name")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    chosen = {name: training for name, training in TRAININGS.items() if options.only in name}
    if not chosen:
        parser.error(f"--only {options.only}: no such training. There are: {'; '.join(TRAININGS)}")
    results: dict[str, dict[str, Any]] = {}
    for name, training in chosen.items():
        torch.manual_seed(0)
        epoch = list(training.epoch())
        batches = epoch[: options.steps or None]
        first = training.make()
        models = {side: copy.deepcopy(first) for side in SIDES}
        report = recurra.accelerate(models["ours"])
        if apart := difference(training, models, batches):
            print(f"{name}: {apart}: no speed is shown.", file=sys.stderr)
            return 1
        times = measure(training, models, batches, options.rounds)
        ratios = [one / other for one, other in zip(times["torch"], times["ours"], strict=True)]
        steps = {side: median(of) for side, of in times.items()}
        results[name] = {
            "step_ms": steps,
            "epoch_s": {side: value * len(epoch) / 1e3 for side, value in steps.items()},
            "ratio": median(ratios),
            "ratio_of_fastest": min(times["torch"]) / min(times["ours"]),
            "ratios": ratios,
            "kernels": sorted({"torch" for _ in report.left} | {entry.plan.kernel for entry in report.swapped}),
        }
    slower = [
        name for name, result in results.items() if max(result["ratio"], result["ratio_of_fastest"]) < RATIO_LIMIT
    ]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    machine = {"machine": platform.processor() or platform.machine(), "torch": torch.__version__, "commit": commit}
    if options.json:
        print(json.dumps({"trainings": results, "slower": slower, "threads": options.threads, **machine}))
        return 1 if slower else 0
    print(f"threads {options.threads}; medians of {options.rounds} rounds of {options.steps or 'all'} steps; clipped")
    print(f"{'':32}{'ms a step':>16}{'s an epoch':>18}")
    print(f"{'':32}{'torch':>8}{'ours':>8}{'torch':>10}{'ours':>8}{'ratio':>8}   kernel")
    for name, result in results.items():
        step, epoch = result["step_ms"], result["epoch_s"]
        print(
            f"{name:32}{step['torch']:8.1f}{step['ours']:8.1f}{epoch['torch']:10.1f}{epoch['ours']:8.1f}"
            f"{result['ratio']:8.2f}   {', '.join(result['kernels'])}"
        )
    print(f"none slower than on torch.nn: {'BROKEN by ' + '; '.join(slower) if slower else 'kept'}")
    return 1 if slower else 0


if __name__ == "__main__":
    sys.exit(main())
