from __future__ import annotations

from itertools import count

import numpy as np
import pytest
import torch

from recurra.tasks.generate._batches import RunningBatches
from recurra.tasks.generate._composition import INPUT, NEXT
from recurra.tasks.generate._model import CarriedLoss, spent_bits
from recurra.train import TrainingConfig, train
from tasks.generate.texts import network

HEADS = {"linear": {}, "tied": {"tied": True}, "adaptive": {"cutoffs": (3, 5), "hidden_size": 16}}


class Killed(BaseException):
    """Stands for a kill at this very line: nothing in the library catches it."""


def text(length: int = 60) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 9, length)


@pytest.mark.parametrize("head", HEADS)
def test_bits_are_those_of_the_whole_text_at_once(head):
    model, codes = network(**HEADS[head]), text()
    inputs = torch.from_numpy(np.concatenate([[4], codes[:-1]]))[None, :, None]
    with torch.no_grad():
        shares = model({INPUT: inputs})[NEXT][0].softmax(-1)
    expected = -shares[torch.arange(len(codes)), torch.from_numpy(codes)].log2()
    np.testing.assert_allclose(spent_bits(model, codes, begin=4), expected, rtol=1e-4)


def test_rows_side_by_side_cost_nearly_the_same(monkeypatch):
    model, codes = network(), text(61)
    exact = spent_bits(model, codes, begin=4)
    monkeypatch.setattr("recurra.tasks.generate._model._SHORTEST_ROW", 20)
    rows = spent_bits(model, codes, begin=4, exact=False)
    assert rows.shape == exact.shape
    # The first of three rows is the same; the others begin anew.
    np.testing.assert_allclose(rows[:21], exact[:21], rtol=1e-4)
    assert not np.allclose(rows[21:], exact[21:], rtol=1e-4)


@pytest.mark.parametrize("head", HEADS)
def test_the_carried_loss_is_that_of_one_long_sequence(head):
    model, codes = network(**HEADS[head]), text(25)
    batches = RunningBatches(codes, batch_size=1, bptt=6, seed=0)
    loss = CarriedLoss()
    found = [float(loss(model, batches.batch(0, index)).detach()) for index in range(len(batches))]
    seen = torch.cat([batches.batch(0, index)["codes"] for index in range(len(batches))], 1)
    target = torch.cat([batches.batch(0, index)["target"] for index in range(len(batches))], 1)
    with torch.no_grad():
        whole = model({INPUT: seen})[NEXT].log_softmax(-1).gather(-1, target[..., None])
    sizes = [batches.batch(0, index)["target"].numel() for index in range(len(batches))]
    assert np.average(found, weights=sizes) == pytest.approx(-float(whole.mean()), rel=1e-4)


def run(tmp_path, *, kill_at: int = -1) -> bytes:
    torch.manual_seed(0)
    model, carried, calls = network(dropout=0.2, weight_dropout=0.2), CarriedLoss(), count()

    def loss(network, batch):
        if next(calls) == kill_at:
            raise Killed
        return carried(network, batch)

    train(
        model,
        loss,
        RunningBatches(text(120), batch_size=3, bptt=7, seed=0),
        None,
        TrainingConfig(epochs=2),
        carry=carried,
        checkpoint=tmp_path / "checkpoint",
        resume=True,
        checkpoint_every=0,
    )
    return b"".join(tensor.detach().numpy().tobytes() for tensor in model.state_dict().values())


def test_a_kill_at_any_step_changes_no_bit(tmp_path):
    whole = run(tmp_path / "whole")
    for kill_at in range(0, 10, 3):
        with pytest.raises(Killed):
            run(tmp_path / str(kill_at), kill_at=kill_at)
        assert run(tmp_path / str(kill_at)) == whole
