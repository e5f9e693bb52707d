from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from recurra.errors import ConfigError
from recurra.train import choose_batch_size
from recurra.train._batch_size import _kept_bytes
from train.problems import config, fingerprint, reading_problem, squared_error


def probe(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(size, 6, 3), torch.randn(size, 1)


def test_kept_bytes_by_hand():
    network = nn.Sequential(nn.Linear(3, 5), nn.Tanh())
    x = torch.randn(7, 3)
    # Kept are the input, which is the batch itself, and tanh's output, which sum() doesn't need.
    assert _kept_bytes(network, lambda network, x: network(x).sum(), x) == 4 * 7 * (3 + 5)


def test_bytes_grow_in_proportion():
    def loss(network, batch):
        return network(batch).tanh().sum()

    small = choose_batch_size(nn.Linear(100, 100), loss, lambda n: torch.randn(n, 100), config())
    large = choose_batch_size(nn.Linear(100, 300), loss, lambda n: torch.randn(n, 100), config())
    assert (small.sample_bytes, large.sample_bytes) == (2.5 * 4 * 200, 2.5 * 4 * 400)
    assert large.fixed_bytes - small.fixed_bytes == 4 * 5 * 101 * 200


@pytest.mark.parametrize(
    ("memory", "lower", "upper", "size"),
    [(2.0, 16, 256, 256), (2.0, 16, 255, 128), (2.0, 3, 3, 3), (2.0, 5, 7, 7), (0.101, 1, 2**20, 512)],
)
def test_the_largest_power_of_two_that_fits(memory, lower, upper, size):
    network = nn.Linear(500, 100)

    def loss(network, batch):
        return network(batch).tanh().sum()

    # 6000 bytes a sample and 97.002 MB fixed.
    choice = choose_batch_size(
        network, loss, lambda n: torch.randn(n, 500), config(memory=memory), lower=lower, upper=upper
    )
    assert choice.batch_size == size
    assert ("that fits" in choice.reason) == (memory == 0.101)
    assert choice.fixed_bytes + choice.sample_bytes * size <= memory * 1e9


def test_too_little_memory_is_refused_with_what_it_takes():
    network = nn.Linear(1000, 1000)
    with pytest.raises(ConfigError, match=r"takes about 0\.12 GB at a batch size of 16, more than --memory 0\.1"):
        choose_batch_size(
            network, lambda network, x: network(x).sum(), lambda n: torch.randn(n, 1000), config(memory=0.1)
        )


def test_the_network_is_left_as_it_was():
    problem = reading_problem()
    before = fingerprint(problem.network)
    randomness = torch.get_rng_state()
    choose_batch_size(problem.network, squared_error, probe, config())
    assert fingerprint(problem.network) == before
    assert torch.equal(torch.get_rng_state(), randomness)


MEASURE = """
import gc, sys
from pathlib import Path
import torch
from torch import nn
from recurra.train import ShuffledBatches, TrainingConfig, choose_batch_size, train

torch.set_num_threads(1)
kind, memory = sys.argv[1], float(sys.argv[2])


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.recurrent = nn.LSTM(4, 64, batch_first=True) if kind == "lstm" else nn.Identity()
        self.head = nn.Sequential(nn.Linear(64 if kind == "lstm" else 4, 64), nn.Tanh(), nn.Linear(64, 1), nn.Tanh())

    def forward(self, x):
        y = self.recurrent(x)
        return self.head(y[0] if kind == "lstm" else y).mean(1)


def probe(size):
    return torch.randn(size, 50, 4), torch.randn(size, 1)


def loss(network, batch):
    return (network(batch[0]) - batch[1]).square().mean()


def kilobytes(word):
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if word in line)


def run(size):
    train(network, loss, ShuffledBatches(2, lambda i: probe(size), batch_size=1, seed=0), None, config)


network = Network()
config = TrainingConfig(epochs=1, memory=memory)
choice = choose_batch_size(network, loss, probe, config, lower=1, upper=2**20)
run(4)
gc.collect()
before = kilobytes("VmRSS")
Path("/proc/self/clear_refs").write_text("5")
run(choice.batch_size)
print((kilobytes("VmHWM") - before) * 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lstm", "linear"])
def test_the_peak_of_a_real_process_stays_in_the_bound(kind):
    source = str(Path(__file__).parents[2] / "src")
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, kind, "0.5"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": source},
    )
    assert 0.08e9 < int(run.stdout) <= 0.5e9
