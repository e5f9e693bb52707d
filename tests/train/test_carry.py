from __future__ import annotations

from itertools import count

import pytest
import torch
from torch import nn

from recurra.errors import ConfigError
from recurra.train import ShuffledBatches, train
from train.problems import Reader, config, fingerprint, reading_problem, squared_error


class Killed(BaseException):
    """Stands for a kill at this very line: nothing in the library catches it."""


class Sequel:
    """A GRU that reads one long sequence in batches, and goes on in each where the last one ended."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.GRU(3, 4, batch_first=True), nn.Linear(4, 3))
        self.sequence = torch.randn(2, 25, 3)
        self.state: torch.Tensor | None = None

    def __len__(self) -> int:
        return 4

    def batch(self, epoch: int, index: int) -> tuple[torch.Tensor, torch.Tensor, bool]:
        part = self.sequence[:, 6 * index : 6 * index + 7]
        return part[:, :-1], part[:, 1:], index == 0

    def loss(self, network, batch) -> torch.Tensor:
        x, y, begins = batch
        output, state = network[0](x, None if begins else self.state)
        self.state = state.detach()
        return (network[1](output) - y).square().mean()

    def state_dict(self) -> dict:
        return {"state": self.state}

    def load_state_dict(self, state: dict) -> None:
        self.state = state["state"]


def run(sequel: Sequel, folder, *, kill_at: int = -1):
    calls = count()

    def loss(network, batch):
        if next(calls) == kill_at:
            raise Killed
        return sequel.loss(network, batch)

    checkpoint = folder / "training.ckpt"
    return train(
        sequel.network, loss, sequel, None, config(epochs=2),
        carry=sequel, checkpoint=checkpoint, resume=True, checkpoint_every=0,
    )  # fmt: skip


def test_what_is_carried_survives_a_kill_at_every_step(tmp_path):
    whole = Sequel()
    result = run(whole, tmp_path / "whole")
    for kill_at in range(8):
        folder = tmp_path / str(kill_at)
        with pytest.raises(Killed):
            run(Sequel(), folder, kill_at=kill_at)
        again = Sequel()
        assert run(again, folder).history == result.history
        assert fingerprint(again.network) == fingerprint(whole.network)
        assert again.state is not None and whole.state is not None
        assert torch.equal(again.state, whole.state)


def test_frozen_weights_join_after_their_epochs():
    problem = reading_problem(samples=12)
    before = {name: tensor.clone() for name, tensor in problem.network.named_parameters()}
    seen = []

    def validate(network: nn.Module) -> float:
        seen.append({name for name, tensor in network.named_parameters() if not torch.equal(tensor, before[name])})
        return 1.0 / len(seen)

    train(
        problem.network, problem.loss, problem.batches, validate, config(epochs=3),
        frozen={"recurrent.": 2, "norm": 1},
    )  # fmt: skip
    assert {name.split(".")[0] for name in seen[0]} == {"head"}
    assert {name.split(".")[0] for name in seen[1]} == {"head", "norm"}
    assert seen[2] == before.keys()
    assert all(parameter.requires_grad for parameter in problem.network.parameters())


def test_resume_while_frozen_is_bit_identical(tmp_path):
    frozen = {"recurrent": 1}
    whole = reading_problem(samples=12)
    train(whole.network, whole.loss, whole.batches, whole.validate, config(epochs=2), frozen=frozen)
    for kill_at in range(1, 6):
        calls = count()

        def loss(network, batch, calls=calls, kill_at=kill_at):
            if next(calls) == kill_at:
                raise Killed
            return squared_error(network, batch)

        problem, path = reading_problem(samples=12), tmp_path / str(kill_at)
        with pytest.raises(Killed):
            train(
                problem.network, loss, problem.batches, problem.validate, config(epochs=2),
                frozen=frozen, checkpoint=path, checkpoint_every=0,
            )  # fmt: skip
        problem = reading_problem(samples=12)
        train(
            problem.network, problem.loss, problem.batches, problem.validate, config(epochs=2),
            frozen=frozen, checkpoint=path, resume=True,
        )  # fmt: skip
        assert fingerprint(problem.network) == fingerprint(whole.network)


def test_a_checkpoint_with_others_frozen_is_refused(tmp_path):
    path = tmp_path / "training.ckpt"
    batches = ShuffledBatches(4, lambda i: (torch.zeros(len(i), 6, 3), torch.zeros(len(i), 1)), batch_size=4, seed=0)
    train(Reader(), squared_error, batches, None, config(epochs=1), frozen={"head": 1}, checkpoint=path)
    with pytest.raises(ConfigError, match="other weights frozen"):
        train(Reader(), squared_error, batches, None, config(epochs=1), checkpoint=path, resume=True)
