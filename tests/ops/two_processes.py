"""A program: two processes train one network by DistributedDataParallel, each on half of the rows.

It leaves in a folder what each of them ends with. test_processes.py holds that against one process with all rows.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, distributed
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel

from recurra import nn

PROCESSES, ROWS, STEPS = 2, 8, 3


class Network(torch.nn.Module):
    """Two layers that read both ways, and a number for each row."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(3, 20, 2, bidirectional=True, batch_first=True)
        self.output = torch.nn.Linear(40, 1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        output, (h, _) = self.recurrent(x, lengths=lengths)
        return self.output(output.mean(dim=1) + torch.cat([h[-2], h[-1]], dim=-1))


def batches() -> list[tuple[Tensor, Tensor]]:
    """One batch for each step: x (B, T, F) and lengths."""
    generator = torch.Generator().manual_seed(3)
    return [
        (torch.randn(ROWS, 30, 3, generator=generator), torch.randint(1, 31, (ROWS,), generator=generator))
        for _ in range(STEPS)
    ]


def train(network: torch.nn.Module, rows: slice) -> dict[str, Tensor]:
    """Gradients and weights after some steps on these rows of each batch."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    for x, lengths in batches():
        optimizer.zero_grad()
        network(x[rows], lengths[rows]).square().mean().backward()
        optimizer.step()
    found: dict[str, Tensor] = {}
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None
        plain = name.removeprefix("module.")
        found |= {plain: parameter.detach(), f"gradient of {plain}": parameter.grad}
    return found


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(2)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=PROCESSES)
    torch.manual_seed(rank)  # the first process gives its weights to the other
    share = ROWS // PROCESSES
    found = train(DistributedDataParallel(Network()), slice(rank * share, (rank + 1) * share))
    torch.save(found, Path(folder, f"{rank}.pt"))
    distributed.destroy_process_group()


if __name__ == "__main__":
    spawn(work, (sys.argv[1],), nprocs=PROCESSES)
