from __future__ import annotations

import os
import signal
import threading
from itertools import count

import pytest
import torch

from recurra.errors import TrainingStopped
from recurra.train import train
from train.problems import Problem, config, fingerprint, reading_problem


def press_at(function, *presses: int):
    """`function`, during whose calls of these numbers somebody presses Ctrl-C."""
    calls = count()

    def call(*args):
        if next(calls) in presses:
            os.kill(os.getpid(), signal.SIGINT)
        return function(*args)

    return call


def run(problem: Problem, checkpoint, **options):
    return train(
        problem.network, problem.loss, problem.batches, problem.validate, config(), checkpoint=checkpoint, **options
    )


@pytest.fixture
def whole() -> Problem:
    problem = reading_problem()
    run(problem, None)
    return problem


@pytest.mark.parametrize("step", [0, 4, 7, 14])
def test_ctrl_c_finishes_the_step_and_can_be_resumed(step, tmp_path, whole):
    path = tmp_path / "training.ckpt"
    problem = reading_problem()
    problem.loss = press_at(problem.loss, step)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(TrainingStopped, match=rf"after step {step + 1} of 15 is kept in .*training\.ckpt.*--resume"):
        run(problem, path)
    assert signal.getsignal(signal.SIGINT) is handler
    problem = reading_problem()
    assert run(problem, path, resume=True).resumed
    assert fingerprint(problem.network) == fingerprint(whole.network)


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_ctrl_c_breaks_validation_off(epoch, tmp_path):
    path = tmp_path / "training.ckpt"
    problem = reading_problem()
    validate = press_at(problem.validate, epoch)
    # A validation that samples: the numbers it drew before it was broken off must be drawn again.
    problem.validate = lambda network: torch.rand(3).sum().item() * 0 + validate(network)
    with pytest.raises(TrainingStopped, match=f"after step {5 * (epoch + 1)} of 15 is kept"):
        run(problem, path)
    assert all(module.training for module in problem.network.modules())
    resumed, whole = reading_problem(), reading_problem()
    for each in (resumed, whole):
        each.validate = lambda network, validate=each.validate: torch.rand(3).sum().item() * 0 + validate(network)
    run(resumed, path, resume=True)
    run(whole, None)
    assert fingerprint(resumed.network) == fingerprint(whole.network)


def test_the_second_ctrl_c_stops_at_once_and_keeps_the_checkpoint_before(tmp_path, whole):
    path = tmp_path / "training.ckpt"
    problem = reading_problem()
    # The step writes no checkpoint of its own, since its weights may be half updated.
    problem.loss = press_at(press_at(problem.loss, 7), 7)
    with pytest.raises(TrainingStopped, match="after step 7 of 15 is kept"):
        run(problem, path, checkpoint_every=0)
    problem = reading_problem()
    run(problem, path, resume=True)
    assert fingerprint(problem.network) == fingerprint(whole.network)


def test_ctrl_c_after_the_last_step_is_not_lost(tmp_path):
    problem = reading_problem()
    problem.loss = press_at(problem.loss, 14)
    with pytest.raises(TrainingStopped, match="after step 15 of 15 is kept"):
        train(problem.network, problem.loss, problem.batches, None, config(), checkpoint=tmp_path / "training.ckpt")


def test_ctrl_c_in_the_learning_rate_finder_loses_nothing(tmp_path):
    problem = reading_problem()
    before = fingerprint(problem.network)
    problem.loss = press_at(problem.loss, 20)
    with pytest.raises(TrainingStopped, match="No step was done yet"):
        train(
            problem.network,
            problem.loss,
            problem.batches,
            problem.validate,
            config(learning_rate="auto"),
            checkpoint=tmp_path / "training.ckpt",
        )
    assert fingerprint(problem.network) == before


def test_without_a_checkpoint_the_message_says_so():
    problem = reading_problem()
    problem.loss = press_at(problem.loss, 2)
    with pytest.raises(TrainingStopped, match="no checkpoint was asked for"):
        run(problem, None)


def test_training_in_another_thread_leaves_signals_alone(tmp_path):
    problem = reading_problem()
    results = []
    thread = threading.Thread(target=lambda: results.append(run(problem, tmp_path / "training.ckpt")))
    thread.start()
    thread.join()
    assert results[0].steps == 15


def test_an_ignored_ctrl_c_stays_ignored(tmp_path):
    problem = reading_problem()
    problem.loss = press_at(problem.loss, 2)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    result = run(problem, tmp_path / "training.ckpt")
    signal.signal(signal.SIGINT, before)
    assert result.steps == 15
