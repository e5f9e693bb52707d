from __future__ import annotations

import numpy as np

from recurra.tasks.generate._units import find_units, properties

TEXT = 'She said "go (now) home". Then\nHe left.\n' * 20


def test_properties_by_hand():
    found = properties(list('a "b" (c)\nD'))
    assert found["how far into the line it is"].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert found["being inside quotation marks"].tolist() == [0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert found["being inside brackets"].tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0]
    assert found["a capital that comes next"].tolist() == [0] * 9 + [1, 0]
    assert found["a new line that comes next"].tolist() == [0] * 8 + [1, 0, 0]


def test_units_that_follow_something_are_found():
    truth = properties(list(TEXT))
    hidden = np.random.default_rng(0).normal(size=(len(TEXT), 12))
    hidden[:, 3] -= 8 * truth["being inside quotation marks"]
    hidden[:, 7] += truth["how far into the line it is"]
    found = {unit.number: unit for unit in find_units(list(TEXT), hidden)}
    assert found[3].follows == "being inside quotation marks"
    assert found[3].correlation < -0.9
    assert found[7].follows == "how far into the line it is"


def test_noise_follows_nothing():
    assert find_units(list(TEXT), np.random.default_rng(0).normal(size=(len(TEXT), 12))) == []
