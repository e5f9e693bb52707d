from __future__ import annotations

import typing
from pathlib import Path

import numpy as np
import pytest
import torch

from cases.blocks import BLOCKS, BlockCase
from export.networks import CHARACTERS, alone, random_network, weights_of, write_network
from recurra import blocks
from recurra.blocks import Composition
from recurra.bundle import open_bundle, quantise, write_bundle, write_compressed
from recurra.errors import BundleError, ConfigError
from recurra.export import Task, compress
from recurra.export._matrices import MATRICES, matrices, pruned
from recurra.nn import Network
from recurra.runtime import load
from tasks.forecast.networks import Case


@pytest.fixture
def letters(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_network(tmp_path / "letters", random_network(CHARACTERS))


def task(*scores: float) -> Task:
    """Measures these, one after the other; tuning adds 1 to the last bias and leaves the matrices."""
    given = iter(scores)

    def tune(pruned: Path, tuned: Path) -> None:
        bundle = open_bundle(pruned)
        weights = bundle.weights()
        weights["chains.logits.2.bias"] += 1
        write_compressed(tuned, bundle, weights=weights, compression={})

    return Task(lambda path: ({"of": path.name}, next(given)), tune)


def test_every_block_names_its_matrices() -> None:
    assert MATRICES.keys() == set(typing.get_args(typing.get_args(blocks.AnyBlock)[0]))


@pytest.mark.parametrize("case", BLOCKS, ids=str)
def test_a_blocks_matrices_are_what_multiplies(case: BlockCase) -> None:
    composition = alone(case)
    weights = random_network(composition).state_dict()
    expected = {name for name, tensor in weights.items() if tensor.dim() == 2}
    if isinstance(case.block, blocks.Positions | blocks.Crf):  # they are added
        expected = set()
    assert set(matrices(composition)) == expected


@pytest.mark.parametrize("options", [{}, {"decoder": "recursive"}, {"cell": "lstm"}], ids=str)
@pytest.mark.parametrize("hidden_size", [64, 256])
def test_int8_is_at_least_three_and_a_half_times_smaller(hidden_size, options, tmp_path) -> None:
    case = Case(hidden_size=hidden_size, **options)
    path = write_network(tmp_path / "model", case.model.network)
    made = compress(path, tmp_path / "small", int8=True)
    assert made.before.bytes >= 3.5 * made.after.bytes
    assert made.before.bytes == (path / "weights.safetensors").stat().st_size
    assert made.after.bytes == (tmp_path / "small" / "weights.safetensors").stat().st_size


def test_a_compressed_network_says_nearly_the_same_in_torch_and_in_the_runtime(letters, tmp_path) -> None:
    compress(letters, "small", int8=True)
    small = open_bundle("small")
    network = Network(Composition.model_validate(small.manifest.network)).eval()
    network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in small.weights().items()})
    codes = torch.tensor([[[1], [4], [8]]])
    found = network({"code": codes})["logits"].detach().numpy()[0]
    original = random_network(CHARACTERS)
    original.load_state_dict(
        {name: torch.from_numpy(array.copy()) for name, array in open_bundle(letters).weights().items()}
    )
    expected = original({"code": codes})["logits"].detach().numpy()[0]
    assert 0 < np.abs(found - expected).max() < 0.05
    session = load("small").stream()
    for code, row in zip([1, 4, 8], found, strict=True):
        # The runtime multiplies the bytes themselves, with activations rounded to 16 bits.
        np.testing.assert_allclose(session.push([code]), row, atol=1e-4)


def test_half_of_each_matrix_is_pruned() -> None:
    weights = weights_of(random_network(CHARACTERS))
    names = matrices(CHARACTERS)
    small = pruned(weights, names, 0.5)
    for name in names:
        assert (small[name] == 0).sum() == small[name].size // 2
        kept = small[name] != 0
        np.testing.assert_array_equal(small[name][kept], weights[name][kept])
        assert np.abs(weights[name][~kept]).max() <= np.abs(weights[name][kept]).min()
    rest = weights.keys() - set(names)
    assert rest and all((small[name] == weights[name]).all() for name in rest)


def test_zeros_stay_zeros_as_int8() -> None:
    weights, names = weights_of(random_network(CHARACTERS)), matrices(CHARACTERS)
    stored = quantise(pruned(weights, names, 0.5), names)
    assert {array.dtype for array in stored.values()} == {np.dtype(np.int8), np.dtype(np.float16)}
    assert all((stored[name] == 0).mean() >= 0.49 for name in names)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_a_share_that_makes_no_sense_is_refused(share, letters) -> None:
    with pytest.raises(ConfigError, match="Give a share between 0 and 1"):
        compress(letters, "small", prune=share)


def test_the_score_is_measured_before_and_after(letters) -> None:
    made = compress(letters, "small", int8=True, task=task(-2.0, -2.01))
    assert (made.before.score, made.after.score) == (-2.0, -2.01)
    assert made.timed == "step"
    assert 0 < made.before.microseconds < 1e4
    assert open_bundle("small").manifest.compression == {"weights": "int8"}


@pytest.mark.parametrize("after", [-2.03, float("nan"), float("-inf")])
def test_a_worse_model_is_not_written_unless_accepted(letters, tmp_path, after) -> None:
    with pytest.raises(ConfigError, match=r"the score falls by .* so nothing was written. Pass --accept-loss"):
        compress(letters, "small", int8=True, task=task(-2.0, after))
    assert [path.name for path in tmp_path.iterdir()] == ["letters"]
    compress(letters, "small", int8=True, task=task(-2.0, after), accept_loss=True)
    assert open_bundle("small").manifest.compression is not None


def test_what_was_pruned_is_tuned_where_there_is_data(letters) -> None:
    before = open_bundle(letters).weights()
    compress(letters, "small", prune=0.5, task=task(1.0, 1.0))
    bundle = open_bundle("small")
    assert bundle.manifest.compression == {"weights": "float32", "pruned": 0.5, "tuned": True}
    np.testing.assert_array_equal(bundle.weights()["chains.logits.2.bias"], before["chains.logits.2.bias"] + 1)
    compress(letters, "untuned", prune=0.5, int8=True)
    assert open_bundle("untuned").manifest.compression == {"weights": "int8", "pruned": 0.5, "tuned": False}
    assert open_bundle("untuned").files.keys() == open_bundle(letters).files.keys()


def test_what_cannot_be_done_is_said_before_any_work(letters, tmp_path) -> None:
    with pytest.raises(ConfigError, match="nothing to do"):
        compress(letters, "small")
    with pytest.raises(BundleError, match="exists already"):
        compress(letters, "letters", int8=True)
    with pytest.raises(BundleError, match="no such bundle"):
        compress("nothing", "small", int8=True)
    compress(letters, "small", int8=True)
    with pytest.raises(ConfigError, match="compressed already"):
        compress("small", "smaller", int8=True)
    write_bundle(
        "odd", task="t", config={}, network={"a": 1}, inputs={}, data_digest="", weights={}, documents={}
    )  # fmt: skip
    with pytest.raises(BundleError, match="no network of blocks"):
        compress("odd", "smaller", int8=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letters", "odd", "small"]
