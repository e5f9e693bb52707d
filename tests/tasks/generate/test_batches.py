from __future__ import annotations

import numpy as np
import pytest
import torch

from recurra.tasks.generate._batches import RunningBatches

CODES = np.arange(400, dtype=np.int32)


def batches(**changes) -> RunningBatches:
    return RunningBatches(CODES, **{"batch_size": 3, "bptt": 7, "seed": 1, **changes})


def test_every_target_follows_its_code():
    found = batches()
    for index in range(len(found)):
        batch = found.batch(0, index)
        assert torch.equal(batch["codes"][..., 0] + 1, batch["target"])


def test_rows_go_on_from_batch_to_batch():
    found = batches()
    for epoch in range(2):
        for index in range(1, len(found)):
            before, now = found.batch(epoch, index - 1), found.batch(epoch, index)
            assert torch.equal(before["target"][:, -1], now["codes"][:, 0, 0])
            assert not now["begins"]
        assert found.batch(epoch, 0)["begins"]


def test_a_pass_reads_almost_all_of_it_once():
    found = batches()
    seen = torch.cat([found.batch(0, index)["target"].flatten() for index in range(len(found))])
    assert len(seen) == len(seen.unique()) >= len(CODES) - 3 * 7 - 3


def test_passes_are_cut_elsewhere():
    starts = {int(batches().batch(epoch, 0)["codes"][0, 0, 0]) for epoch in range(8)}
    assert len(starts) > 3


def test_short_epochs_go_on_where_the_last_one_ended():
    found, whole = batches(steps=5), batches()
    for epoch in range(3):
        assert torch.equal(found.batch(epoch, 2)["codes"], whole.batch(0, 5 * epoch + 2)["codes"])
        assert found.batch(epoch, 0)["begins"]


def test_a_new_pass_within_an_epoch_begins():
    count = len(batches())
    found = batches(steps=count - 1)
    assert found.batch(1, 1)["begins"]
    assert not found.batch(1, 2)["begins"]


def test_a_position_gives_the_same_batch_whatever_came_before():
    one, other = batches(), batches()
    other.batch(3, 1)
    assert torch.equal(one.batch(1, 4)["codes"], other.batch(1, 4)["codes"])
    with pytest.raises(IndexError):
        one.batch(0, len(one))
