"""Trains in a process of its own, to be killed: `python killed.py FOLDER`; leaves weights and history in FOLDER."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch

from recurra.train import train
from train.problems import config, fingerprint, reading_problem


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    problem = reading_problem()
    loss = problem.loss

    def slow_loss(network, batch):
        time.sleep(0.002)
        return loss(network, batch)

    (folder / "begun").touch()
    result = train(
        problem.network,
        slow_loss,
        problem.batches,
        problem.validate,
        config(epochs=20, patience=0),
        checkpoint=folder / "training.ckpt",
        resume=True,
        checkpoint_every=0.01,
    )
    (folder / "weights").write_bytes(fingerprint(problem.network))
    (folder / "history").write_text(repr([asdict(record) for record in result.history]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
