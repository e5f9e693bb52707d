from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.train import ShuffledBatches


def batches(count: int, batch_size: int, seed: int = 0, steps: int | None = None) -> ShuffledBatches:
    return ShuffledBatches(count, lambda indices: indices, batch_size=batch_size, seed=seed, steps=steps)


@settings(deadline=None)
@given(count=st.integers(1, 50), batch_size=st.integers(1, 60), seed=st.integers(0, 99), epoch=st.integers(0, 5))
def test_an_epoch_visits_every_sample_once(count, batch_size, seed, epoch):
    source = batches(count, batch_size, seed)
    parts = [source.batch(epoch, index) for index in range(len(source))]
    assert sorted(torch.cat(parts).tolist()) == list(range(count))
    assert all(len(part) == batch_size for part in parts[:-1])


@settings(deadline=None)
@given(positions=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_a_position_gives_the_same_batch_whatever_came_before(positions):
    source = batches(23, 5)
    found = [source.batch(*position) for position in positions]
    for position, batch in zip(positions, found, strict=True):
        assert torch.equal(batch, batches(23, 5).batch(*position))


def test_drawing_leaves_the_global_random_numbers_alone():
    before = torch.get_rng_state()
    batches(23, 5).batch(3, 1)
    assert torch.equal(torch.get_rng_state(), before)


def test_epochs_and_seeds_differ():
    source = batches(50, 50)
    assert not torch.equal(source.batch(0, 0), source.batch(1, 0))
    assert not torch.equal(source.batch(0, 0), batches(50, 50, seed=1).batch(0, 0))


def test_steps_shorten_the_epoch():
    source = batches(50, 5, steps=3)
    assert len(source) == 3
    assert torch.equal(source.batch(2, 2), batches(50, 5).batch(2, 2))
    assert len(batches(50, 5, steps=99)) == 10
    with pytest.raises(IndexError):
        source.batch(0, 3)
