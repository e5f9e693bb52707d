"""What our training loop costs over a bare torch loop of the same network, and what lightning-fabric would cost.

    python benchmarks/training_overhead.py [--rounds 30] [--hidden 32]

Every round runs each loop over the same batches, one after the other, from the same weights; printed are medians over
rounds of the time of one step and of its difference to the bare loop in the same round, by the clock and by the
processor time of this process. The limit is judged by the second, which other programs disturb less. First all loops
must end with the same weights: otherwise nothing is printed but the difference, and the exit code is 1. The bare loop
is zero_grad, forward, loss, backward, clip, optimiser step, schedule step, as in every tutorial, with the same fused
AdamW.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from recurra.train import ShuffledBatches, TrainingConfig, show_progress, train

STEPS = 200
BATCH = 32
LIMIT_US = 60.0


class Reader(nn.Module):
    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(4, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.recurrent(x)[0][:, -1])


def mean_squared_error(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    x, y = batch
    return nn.functional.mse_loss(network(x), y)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--hidden", type=int, default=32)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    x, y = torch.randn(STEPS * BATCH, 12, 4), torch.randn(STEPS * BATCH, 1)
    batches = ShuffledBatches(len(x), lambda i: (x[i], y[i]), batch_size=BATCH, seed=0)
    settings = TrainingConfig(epochs=1, batch_size=BATCH, patience=0)
    first = Reader(options.hidden)
    folder = tempfile.TemporaryDirectory()

    def ours(network: nn.Module) -> None:
        # With everything on: a checkpoint at the end, plain progress.
        with open(os.devnull, "w") as nowhere:
            progress = show_progress("overhead", stream=nowhere)
            path = Path(folder.name) / "training.ckpt"
            train(network, mean_squared_error, batches, None, settings, checkpoint=path, progress=progress)

    def bare(network: nn.Module) -> None:
        _loop(network, batches, settings)

    def through_fabric(network: nn.Module) -> None:
        _loop(network, batches, settings, fabric=Fabric(accelerator="cpu", devices=1))

    loops: dict[str, Callable[[nn.Module], None]] = {"bare": bare, "ours": ours, "fabric": through_fabric}
    ends = {}
    for name, loop in loops.items():
        network = copy.deepcopy(first)
        loop(network)
        ends[name] = torch.cat([parameter.detach().flatten() for parameter in network.parameters()])
    for name, end in ends.items():
        difference = (end - ends["bare"]).abs().max().item()
        if not difference < 1e-5:
            print(f"{name} ends with other weights than the bare loop, by {difference:.2g}: no speed is shown.")
            return 1

    clocks = {"wall": perf_counter, "processor": process_time}
    times: dict[str, dict[str, list[float]]] = {clock: {name: [] for name in loops} for clock in clocks}
    for round_ in range(options.rounds):
        names = list(loops)
        for name in names[round_ % len(names) :] + names[: round_ % len(names)]:
            network = copy.deepcopy(first)
            starts = {clock: read() for clock, read in clocks.items()}
            loops[name](network)
            for clock, read in clocks.items():
                times[clock][name].append((read() - starts[clock]) / STEPS * 1e6)
    steps = {clock: {name: median(values) for name, values in of.items()} for clock, of in times.items()}
    over = {
        clock: {
            name: median(one - other for one, other in zip(of[name], of["bare"], strict=True))
            for name in ("ours", "fabric")
        }
        for clock, of in times.items()
    }
    kept = over["processor"]["ours"] <= LIMIT_US
    print(
        f"LSTM, hidden {options.hidden}, batch {BATCH}, 12 steps of time; medians of {options.rounds} x {STEPS} steps"
    )
    for clock, of in steps.items():
        for name, value in of.items():
            extra = f"   {over[clock][name]:+7.1f} us over the bare loop" if name in over[clock] else ""
            print(f"  {clock:10} {name:8}{value:8.1f} us a step{extra}")
    print(f"  limit {LIMIT_US:+.0f} us: {'kept' if kept else 'BROKEN'}")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    machine = {"machine": platform.processor() or platform.machine(), "torch": torch.__version__, "commit": commit}
    print(json.dumps({"step_us": steps, "overhead_us": over, **machine}))
    return 0 if kept else 1


def _loop(
    network: nn.Module, batches: ShuffledBatches, settings: TrainingConfig, *, fabric: Fabric | None = None
) -> None:
    assert isinstance(settings.learning_rate, float)
    torch.manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=STEPS, cycle_momentum=False
    )
    if fabric is not None:
        network, wrapped = fabric.setup(network, optimizer)
    else:
        wrapped = optimizer
    for index in range(len(batches)):
        batch = batches.batch(0, index)
        wrapped.zero_grad()
        loss = mean_squared_error(network, batch)
        if fabric is None:
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
        else:
            fabric.backward(loss)
            fabric.clip_gradients(network, wrapped, max_norm=settings.clip)
        wrapped.step()
        if index + 1 < STEPS:
            scheduler.step()


if __name__ == "__main__":
    sys.exit(main())
