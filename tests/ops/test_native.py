from __future__ import annotations

import platform
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from recurra import ops

NAN = np.nan


def by_hand(values: np.ndarray, offsets: list[int]) -> np.ndarray:
    """The definition, word for word: rows since the last value at or before a row, else since the start, plus one."""
    out = np.empty(values.shape, np.float32)
    for first, last in pairwise(offsets):
        for column in range(values.shape[1]):
            for row in range(first, last):
                observed = [r for r in range(first, row + 1) if not np.isnan(values[r, column])]
                out[row, column] = row - observed[-1] if observed else row - first + 1
    return out


def test_counts_rows_since_the_last_value():
    steps = ops.steps_since_observed([[1.0, NAN], [NAN, NAN], [NAN, 4.0], [5.0, NAN]], [0, 4])
    assert_array_equal(steps, [[0, 1], [1, 2], [2, 0], [0, 1]])
    assert steps.dtype == np.float32


def test_series_do_not_touch():
    steps = ops.steps_since_observed([[1], [NAN], [NAN], [NAN]], [0, 2, 4])
    assert_array_equal(steps[:, 0], [0, 1, 1, 2])


@given(
    lengths=st.lists(st.integers(0, 7), max_size=5),
    columns=st.integers(0, 3),
    missing=st.floats(0, 1),
    seed=st.integers(0, 9999),
)
@settings(deadline=None, max_examples=60)
def test_equals_the_definition(lengths: list[int], columns: int, missing: float, seed: int):
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    values = rng.normal(size=(offsets[-1], columns)).astype(np.float32)
    values[rng.random(values.shape) < missing] = NAN
    assert_array_equal(ops.steps_since_observed(values, offsets), by_hand(values, offsets.tolist()))


@pytest.mark.parametrize("offsets", [[0], [0, 0, 0]])
def test_no_rows(offsets: list[int]):
    assert ops.steps_since_observed(np.empty((0, 3)), offsets).shape == (0, 3)


def test_leaves_its_inputs_alone_and_gives_its_own_memory():
    values, offsets = np.array([[NAN], [2], [NAN]], np.float32), np.array([0, 3], np.int64)
    values.flags.writeable = offsets.flags.writeable = False
    first = ops.steps_since_observed(values, offsets)
    first[:] = 7
    assert_array_equal(ops.steps_since_observed(values, offsets)[:, 0], [1, 0, 1])


def test_takes_other_layouts_and_types():
    wide = np.array([[1, NAN, 2, NAN], [NAN, NAN, NAN, 3]], dtype=np.float64)
    assert_array_equal(
        ops.steps_since_observed(wide.T[::-1], np.array([0, 4], np.int32)), by_hand(wide.T[::-1], [0, 4])
    )


@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        ([], "start with 0"),
        ([1, 3], "start with 0"),
        ([0, 2, 1, 3], "never fall"),
        ([0, 4], "end with the number of rows"),
        ([0, 2], "end with the number of rows"),
    ],
)
def test_refuses_offsets_that_do_not_cut_the_rows(offsets: list[int], message: str):
    with pytest.raises(ValueError, match=message):
        ops.steps_since_observed(np.zeros((3, 1)), offsets)


def test_refuses_values_without_columns():
    with pytest.raises(TypeError):
        ops.steps_since_observed(np.zeros(3), [0, 3])


def flags_listed_by_linux() -> list[str]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(line for line in lines if line.startswith(("flags", "Features"))).split(":")[1].split()


def test_cpu_features_are_those_that_the_operating_system_lists():
    features = ops.cpu_features()
    assert {type(there) for there in features.values()} == {bool}
    on_arm = platform.machine() in {"aarch64", "arm64"}
    assert features["neon"] == on_arm
    if platform.system() == "Linux" and not on_arm:
        listed = flags_listed_by_linux()
        assert features == {name: name.replace("4.2", "4_2") in listed for name in features}


def test_cpu_features_cannot_be_changed_by_a_caller():
    before = ops.cpu_features()
    ops.cpu_features()["avx2"] = not before["avx2"]
    assert ops.cpu_features() == before
