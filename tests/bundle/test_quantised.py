from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recurra.bundle import SCALE, dequantise, open_bundle, quantise, write_bundle, write_compressed
from recurra.errors import BundleError

MATRICES = arrays(
    np.float32,
    st.tuples(st.integers(1, 3), st.integers(110, 120)),
    elements=st.floats(-1e4, 1e4, width=32, allow_subnormal=False),
)


@given(MATRICES)
def test_every_number_is_within_half_a_step_of_its_row(matrix):
    stored = quantise({"w": matrix}, {"w"})
    assert stored["w"].dtype == np.int8
    found = dequantise(stored)["w"]
    assert found.dtype == np.float32
    scale = stored[f"w{SCALE}"].astype(np.float32)[:, None]
    assert (np.abs(found - matrix) <= 0.50001 * scale).all()
    assert (found[matrix == 0] == 0).all()


def test_by_hand():
    matrix = np.zeros((2, 60), np.float32)
    matrix[0, :3] = [1.27, -0.639, 0.012]
    stored = quantise({"w": matrix}, {"w"})
    assert stored["w"][:, :4].tolist() == [[127, -64, 1, 0], [0, 0, 0, 0]]
    assert stored["w.scale"].dtype == np.float16
    assert stored["w.scale"][0] == np.float16(0.01)


def test_what_would_not_save_room_is_not_made_int8():
    stored = quantise({"w": np.ones((40, 4), np.float32)}, {"w"})
    assert {name: array.dtype for name, array in stored.items()} == {"w": np.float16}


def test_what_is_no_matrix_is_halved_and_what_half_cannot_hold_is_kept():
    weights = {"b": np.array([0.5, -3.0], np.float32), "large": np.array([1e6], np.float32), "a.scale": np.ones(2)}
    stored = quantise(weights, set())
    assert {name: array.dtype for name, array in stored.items()} == {
        "b": np.float16,
        "large": np.float32,
        "a.scale": np.float16,
    }
    found = dequantise(stored)
    assert found.keys() == weights.keys()
    assert found["large"][0] == 1e6


@pytest.fixture
def parts(parts):
    """The small bundle's, with a matrix that is worth it."""
    matrix = np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)
    return parts | {"weights": {"a.weight": matrix, "b": np.zeros((), np.float64)}}


@pytest.fixture
def saved(parts, tmp_path):
    write_bundle(tmp_path / "model", **parts)
    return tmp_path / "model"


@pytest.fixture
def compressed(saved, tmp_path):
    original = open_bundle(saved)
    stored = quantise(original.weights(), {"a.weight"})
    write_compressed(tmp_path / "small", original, weights=stored, compression={"weights": "int8"})
    return tmp_path / "small"


def test_a_compressed_bundle_gives_float32_weights_and_the_stored_ones(compressed, parts):
    bundle = open_bundle(compressed)
    assert bundle.manifest.format == 2
    assert bundle.manifest.compression == {"weights": "int8"}
    weights = bundle.weights()
    assert weights.keys() == parts["weights"].keys()
    assert {array.dtype for array in weights.values()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(weights["a.weight"], parts["weights"]["a.weight"], atol=4 / 254)
    stored = bundle.quantised()
    assert {name: array.dtype for name, array in stored.items()} == {
        "a.weight": np.int8,
        "a.weight.scale": np.float32,
        "b": np.float32,
    }


def test_all_else_stays_as_it_was(compressed, saved):
    small, original = open_bundle(compressed), open_bundle(saved)
    assert small.files.keys() == original.files.keys()
    for name in small.files.keys() - {"weights.safetensors"}:
        assert small.read(name) == original.read(name)
    for part in ("task", "config", "network", "inputs", "data_digest"):
        assert getattr(small.manifest, part) == getattr(original.manifest, part)


def test_what_is_not_compressed_reads_in_older_programs(saved):
    manifest = json.loads((saved / "manifest.json").read_text())
    assert manifest["format"] == 1
    assert "compression" not in manifest


def test_int8_without_scales_is_refused(saved, tmp_path):
    stored = quantise(open_bundle(saved).weights(), {"a.weight"})
    del stored["a.weight.scale"]
    write_compressed(tmp_path / "small", open_bundle(saved), weights=stored, compression={"weights": "int8"})
    with pytest.raises(BundleError, match="int8 weights without scales"):
        open_bundle(tmp_path / "small").weights()


def test_a_path_that_exists_is_refused(saved, tmp_path, parts):
    write_bundle(tmp_path / "other", **parts)
    original = open_bundle(saved)
    with pytest.raises(BundleError, match="exists already"):
        write_compressed(tmp_path / "other", original, weights=original.weights(), compression={})
    write_compressed(tmp_path / "other", original, weights=original.weights(), compression={}, overwrite=True)
    assert open_bundle(tmp_path / "other").manifest.compression == {}
