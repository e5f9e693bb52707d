from __future__ import annotations

import errno
import os
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from recurra.errors import ConfigError, TrainingError
from recurra.train import ShuffledBatches, train
from train.problems import Problem, config, fingerprint, reading_problem


class Killed(BaseException):
    """Stands for a kill at this very line: nothing in the library catches it."""


def run(problem: Problem, folder: Path | str, *, kill_at: int = -1, resume: bool = True, every: float = 0, **changes):
    """Train, and die at the `kill_at`-th call of loss or validation."""
    calls = count()

    def dying(function):
        def call(*args):
            if next(calls) == kill_at:
                raise Killed
            return function(*args)

        return call

    return train(
        problem.network,
        dying(problem.loss),
        problem.batches,
        dying(problem.validate),
        config(**changes),
        checkpoint=Path(folder) / "deep" / "training.ckpt",
        resume=resume,
        checkpoint_every=every,
    )


@pytest.mark.parametrize(
    "changes", [{"optimizer": "adamw"}, {"optimizer": "sgd"}, {"average": 0.9}], ids=["adamw", "sgd", "averaged"]
)
def test_resume_at_every_position_is_bit_identical(changes, tmp_path):
    changes = {**changes, "epochs": 2}
    whole = reading_problem(samples=12)
    result = run(whole, tmp_path, **changes)
    for kill_at in range(2 * (3 + 1)):  # epochs, and in each the steps and a validation
        with pytest.raises(Killed):
            run(reading_problem(samples=12), tmp_path / str(kill_at), kill_at=kill_at, **changes)
        torch.rand(3)
        problem = reading_problem(samples=12)
        again = run(problem, tmp_path / str(kill_at), **changes)
        assert again.history == result.history
        assert (again.best_epoch, again.best_loss, again.steps) == (result.best_epoch, result.best_loss, result.steps)
        assert fingerprint(problem.network) == fingerprint(whole.network)
        assert again.resumed == (kill_at > 0)


@settings(max_examples=5, deadline=None)
@given(
    kills=st.lists(st.integers(0, 2), max_size=2), rate=st.sampled_from([0.02, "auto"]), every=st.sampled_from([0, 9])
)
def test_many_kills_change_nothing(kills, rate, every):
    # With every=9 no checkpoint falls due and each run begins anew.
    with TemporaryDirectory() as folder:
        whole = reading_problem(samples=12)
        result = run(whole, f"{folder}/whole", learning_rate=rate, every=every)
        for kill_at in kills:
            offset = 101 if rate == "auto" and not Path(folder, "deep").exists() else 0
            with pytest.raises(Killed):
                run(reading_problem(samples=12), folder, learning_rate=rate, every=every, kill_at=offset + kill_at)
        problem = reading_problem(samples=12)
        again = run(problem, folder, learning_rate=rate, every=every)
        assert again.history == result.history
        assert again.learning_rate_curve == result.learning_rate_curve
        assert fingerprint(problem.network) == fingerprint(whole.network)


def test_random_numbers_of_numpy_and_python_resume_too(tmp_path):
    import random

    import numpy as np

    def noisy(problem: Problem) -> Problem:
        loss = problem.loss
        problem.loss = lambda network, batch: loss(network, batch) * (1 + random.random() + np.random.normal())
        return problem

    whole = noisy(reading_problem())
    run(whole, tmp_path / "whole")
    with pytest.raises(Killed):
        run(noisy(reading_problem()), tmp_path, kill_at=8)
    np.random.normal()
    random.random()
    problem = noisy(reading_problem())
    run(problem, tmp_path)
    assert fingerprint(problem.network) == fingerprint(whole.network)


def test_early_stopping_resumes(tmp_path):
    def stale(problem: Problem) -> Problem:
        problem.validate = lambda network: float(network.get_buffer("steps_seen"))
        return problem

    whole = stale(reading_problem())
    result = run(whole, tmp_path / "whole", epochs=9, patience=2)
    assert (result.stopped_early, result.best_epoch, len(result.history)) == (True, 1, 3)
    with pytest.raises(Killed):
        run(stale(reading_problem()), tmp_path, epochs=9, patience=2, kill_at=14)
    problem = stale(reading_problem())
    again = run(problem, tmp_path, epochs=9, patience=2)
    assert again.history == result.history
    assert again.stopped_early
    assert fingerprint(problem.network) == fingerprint(whole.network)


def test_a_finished_training_gives_its_result_at_once(tmp_path):
    whole = reading_problem()
    result = run(whole, tmp_path)
    problem = reading_problem()
    again = run(problem, tmp_path, kill_at=0)
    assert (again.history, again.seconds, again.resumed) == (result.history, result.seconds, True)
    assert fingerprint(problem.network) == fingerprint(whole.network)


def test_without_resume_training_starts_anew(tmp_path):
    run(reading_problem(), tmp_path)
    assert not run(reading_problem(), tmp_path, resume=False).resumed


def test_the_threads_of_the_first_run_are_kept(tmp_path):
    with pytest.raises(Killed):
        run(reading_problem(), tmp_path, kill_at=3)
    before = torch.get_num_threads()
    problem = reading_problem()
    seen = set()
    problem.validate = lambda network: float(len(seen.add(torch.get_num_threads()) or seen))
    torch.set_num_threads(before + 1)
    run(problem, tmp_path)
    torch.set_num_threads(before)
    assert seen == {before}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"learning_rate": 0.01}, "learning_rate=0.01"),
        ({"clip": 2.0, "epochs": 4}, "clip=2.0 .* epochs=4"),
        ({"seed": 1}, "seed=1"),
    ],
)
def test_a_changed_config_is_refused_by_name(tmp_path, changes, field):
    with pytest.raises(Killed):
        run(reading_problem(), tmp_path, kill_at=3)
    with pytest.raises(ConfigError, match=field):
        run(reading_problem(), tmp_path, **changes)


def test_another_memory_bound_is_not_another_training(tmp_path):
    with pytest.raises(Killed):
        run(reading_problem(), tmp_path, kill_at=3)
    assert run(reading_problem(), tmp_path, memory=8.0).resumed


def test_another_network_is_refused(tmp_path):
    with pytest.raises(Killed):
        run(reading_problem(), tmp_path, kill_at=3)
    problem = reading_problem()
    problem.network = nn.Sequential(problem.network)
    with pytest.raises(ConfigError, match="other weights"):
        run(problem, tmp_path)


def test_other_data_are_refused(tmp_path):
    with pytest.raises(Killed):
        run(reading_problem(), tmp_path, kill_at=3)
    with pytest.raises(ConfigError, match="other data"):
        run(reading_problem(samples=19), tmp_path)
    with pytest.raises(ConfigError, match="other data"):
        run(reading_problem(seed=1), tmp_path)


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "junk"])
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
    with pytest.raises(Killed):
        run(reading_problem(), tmp_path, kill_at=3)
    path = tmp_path / "deep" / "training.ckpt"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle] ^= 1
    path.write_bytes({"empty": b"", "cut": content[:middle], "flipped": content, "junk": b"\x80junk" * 99}[damage])
    with pytest.raises(TrainingError, match="is damaged"):
        run(reading_problem(), tmp_path)


def test_a_checkpoint_of_another_format_is_refused(tmp_path):
    path = tmp_path / "deep" / "training.ckpt"
    path.parent.mkdir()
    torch.save({"format": 99}, path)
    with pytest.raises(TrainingError, match="format 99"):
        run(reading_problem(), tmp_path)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failed_write_leaves_the_last_checkpoint(tmp_path, monkeypatch, call):
    whole = reading_problem()
    run(whole, tmp_path / "whole")
    with pytest.raises(Killed):
        run(reading_problem(), tmp_path, kill_at=3)
    before = (tmp_path / "deep" / "training.ckpt").read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(TrainingError, match="can't be written: No space left"):
        run(reading_problem(), tmp_path)
    monkeypatch.undo()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["training.ckpt"]
    assert (tmp_path / "deep" / "training.ckpt").read_bytes() == before
    problem = reading_problem()
    run(problem, tmp_path)
    assert fingerprint(problem.network) == fingerprint(whole.network)


def test_a_checkpoint_loads_without_executing_anything(tmp_path):
    run(reading_problem(), tmp_path)
    state = torch.load(tmp_path / "deep" / "training.ckpt", weights_only=True)
    assert state["place"]["finished"]
    assert state["place"]["epoch"] == 3


def test_checkpoints_are_written_when_due_and_cost_little(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(
        "recurra.train._loop.write_checkpoint", lambda path, state: written.append(state["place"]["epoch"])
    )
    run(reading_problem(), tmp_path, every=15.0)
    assert written == [3]  # epochs of milliseconds: the end alone
    written.clear()
    run(reading_problem(), tmp_path, every=0)
    assert written == [0] * 5 + [1] * 6 + [2] * 6 + [3]


def test_batches_of_an_epoch_may_be_fewer_than_the_data(tmp_path):
    problem = reading_problem()
    problem.batches = ShuffledBatches(24, lambda i: problem_batch(problem, i), batch_size=5, seed=0, steps=2)
    assert run(problem, tmp_path).steps == 6


def problem_batch(problem: Problem, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    x = indices[:, None, None].float().expand(-1, 6, 3) / 24
    return x, x[:, 0, :1]
