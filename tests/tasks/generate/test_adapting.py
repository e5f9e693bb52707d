from __future__ import annotations

import numpy as np
import pytest
import torch

from recurra.tasks.generate import _adapting
from recurra.tasks.generate._adapting import adapted_bits, cached_bits
from recurra.tasks.generate._composition import INPUT, NEXT, READ
from recurra.tasks.generate._model import spent_bits
from tasks.generate.texts import network

CODES = np.random.default_rng(5).integers(1, 9, 70)


def test_without_a_rate_nothing_is_learnt():
    model = network()
    found = adapted_bits(model, CODES, begin=2, rate=0.0)
    np.testing.assert_allclose(found, spent_bits(model, CODES, begin=2), rtol=1e-5)


def test_learning_on_helps_where_a_text_repeats_itself_and_leaves_the_model_alone():
    model = network(tied=True)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    codes = np.tile(CODES[:10], 20)
    still, moving = spent_bits(model, codes, begin=2), adapted_bits(model, codes, begin=2, rate=1.0)
    np.testing.assert_allclose(moving[:20], still[:20], rtol=1e-5)
    assert moving[100:].mean() < still[100:].mean() - 0.1
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("size", [5, 1000])
def test_the_cache_equals_its_equations(size, monkeypatch):
    monkeypatch.setattr(_adapting, "_CHUNK", 16)
    model = network()
    inputs = torch.from_numpy(np.concatenate([[2], CODES[:-1]]))[None, :, None]
    with torch.no_grad():
        values = model({INPUT: inputs})
    hidden, shares = values[READ][0].double().numpy(), values[NEXT][0].double().softmax(-1).numpy()
    odds = np.zeros((3, 5))
    expected = []
    for step, wanted in enumerate(CODES):
        places = range(max(step - size, 0), step)
        mixed = np.empty((3, 5))
        for row, sharpness in enumerate((0.1, 0.3, 1.0)):
            weight = {place: np.exp(sharpness * hidden[step] @ hidden[place]) for place in places}
            hit = sum(weight[place] for place in places if CODES[place] == wanted)
            cache = hit / sum(weight.values()) if weight else 0.0
            for column, share in enumerate((0.0, 0.05, 0.1, 0.2, 0.4)):
                mixed[row, column] = (1 - share) * shares[step, wanted] + share * cache
        expected.append(-np.log2((np.exp(odds) * mixed).sum() / np.exp(odds).sum()))
        odds += np.log(mixed)
    np.testing.assert_allclose(cached_bits(model, CODES, begin=2, size=size), expected, rtol=1e-4)
