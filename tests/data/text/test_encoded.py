from __future__ import annotations

import numpy as np
import pytest
import torch

from recurra.data.text import BucketedBatches, Encoded, WordTokeniser, fit_encoder

TEXTS = [text.split() for text in ["a b c", "", "b", "c c a b d", "d a", "a"]]


def encoded() -> Encoded:
    encoder = fit_encoder(TEXTS, WordTokeniser(), characters=3)
    return Encoded(map(encoder.encode, TEXTS), encoder.widths)


def check(texts: Encoded) -> None:
    encoder = fit_encoder(TEXTS, WordTokeniser(), characters=3)
    assert texts.lengths.tolist() == [3, 0, 1, 5, 2, 1]
    inputs, lengths = texts.gather(np.array([4, 1, 0]))
    assert lengths.tolist() == [2, 0, 3]
    assert {name: array.shape for name, array in inputs.items()} == {"words": (3, 3, 1), "characters": (3, 3, 3)}
    assert inputs["words"].dtype == np.int64
    for row, at in enumerate((4, 1, 0)):
        alone = encoder.encode(TEXTS[at])
        for name, array in inputs.items():
            np.testing.assert_array_equal(array[row, : lengths[row]], alone[name])
            assert not array[row, lengths[row] :].any()


def test_gather_pads_with_zeros() -> None:
    check(encoded())


def test_empty_texts_have_a_step_of_zeros() -> None:
    inputs, lengths = encoded().gather(np.array([1]))
    assert inputs["words"].tolist() == [[[0]]]
    assert lengths.tolist() == [0]


def test_large_texts_lie_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recurra.data.text._encoded._IN_MEMORY", 16)
    texts = encoded()
    assert all(isinstance(flat, np.memmap) for flat in texts.flat.values())
    check(texts)


def test_batches_by_length_hold_each_text_once() -> None:
    found = [batch.tolist() for batch in encoded().batches(4)]
    assert found == [[3, 0, 4, 2], [5, 1]]


def many() -> Encoded:
    lengths = np.random.default_rng(0).integers(1, 40, 500)
    return Encoded(({"words": np.full((length, 1), at, np.int32)} for at, length in enumerate(lengths)), {"words": 1})


def test_an_epoch_holds_each_text_once_and_little_padding() -> None:
    texts = many()
    batches = BucketedBatches(texts, batch_size=16, seed=3)
    drawn = [batches.batch(0, at) for at in range(len(batches))]
    assert len(drawn) == 32
    assert sorted(text for batch in drawn for text in batch["words"][:, 0, 0].tolist()) == list(range(500))
    padded = sum(batch["words"].numel() for batch in drawn)
    assert padded < 1.1 * texts.lengths.sum()
    sizes = [int(batch["lengths"].max()) for batch in drawn]
    assert sizes != sorted(sizes)


def test_the_same_position_gives_the_same_batch() -> None:
    texts = many()
    one, two = (BucketedBatches(texts, batch_size=16, seed=3) for _ in range(2))
    two.batch(4, 1)
    assert torch.equal(one.batch(2, 7)["words"], two.batch(2, 7)["words"])
    assert not torch.equal(one.batch(3, 7)["lengths"], two.batch(2, 7)["lengths"])


def test_what_is_added_belongs_to_the_texts() -> None:
    batches = BucketedBatches(
        many(), batch_size=8, seed=0, add=lambda rows: {"labels": torch.from_numpy(rows * 2)}, steps=3
    )
    assert len(batches) == 3
    batch = batches.batch(0, 2)
    assert torch.equal(batch["labels"], batch["words"][:, 0, 0] * 2)
    with pytest.raises(IndexError):
        batches.batch(0, 3)
