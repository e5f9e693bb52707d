"""A network with what it takes to train it and to tag with it: sentences in, losses and tags out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from recurra.blocks import Composition
from recurra.data.text import BucketedBatches, Encoded, Encoder, Sentence
from recurra.nn import Crf, Network
from recurra.tasks.tag._labels import UNSEEN, Labels
from recurra.tasks.tag._scheme import entities

_BATCH = 128
_LOSS_WEIGHT = 0.01


class Model:
    """The network of a tagger, trained or not."""

    def __init__(
        self, network: Network, encoder: Encoder, labels: Labels, *, rare_from: int = 0, word_dropout: float = 0.0
    ) -> None:
        self.network, self.encoder, self.labels = network, encoder, labels
        self.rare_from, self.word_dropout = rare_from, word_dropout

    @property
    def crf(self) -> Crf:
        """The field over labels."""
        (crf,) = self.network.chains["path"].children()
        assert isinstance(crf, Crf)
        return crf

    def loss(self, network: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
        """The mean over words of -log p(labels of their sentence).

        Words seen once are taken for unknown now and then, so that the network learns what an unknown word is.
        """
        inputs = dict(batch)
        if network.training and self.word_dropout:
            words = batch["words"]
            hidden = (words >= self.rare_from) & (torch.rand(words.shape) < self.word_dropout)
            inputs["words"] = words.masked_fill(hidden, 0)
        lengths = batch["lengths"]
        emissions = self.network.compute(("emissions",), inputs, lengths=lengths)["emissions"]
        likelihood = self.crf.log_likelihood(emissions, batch["labels"], lengths)
        return -likelihood.sum() / lengths.sum()

    @torch.no_grad()
    def validate(self, encoded: Encoded, labels: Sequence[np.ndarray]) -> float:
        """The share of words, or of entities by F1, that come out wrong, plus a hundredth of the loss.

        Tags are what counts; the loss decides between equals, as there are many on small parts.
        """
        tags, loss = self._tag(encoded, labels)
        truth = [[self.labels.names[code] if code >= 0 else "" for code in codes] for codes in labels]
        found = [[self.labels.names[code] for code in codes] for codes in tags]
        if self.labels.scheme is None:
            words = sum(map(len, truth))
            right = sum(a == b for one, two in zip(truth, found, strict=True) for a, b in zip(one, two, strict=True))
            return 1 - right / max(words, 1) + _LOSS_WEIGHT * loss
        hits = count = 0
        for one, two in zip(truth, found, strict=True):
            true, answered = set(entities([tag or "O" for tag in one])), set(entities(two))
            hits += len(true & answered)
            count += len(true) + len(answered)
        return 1 - 2 * hits / max(count, 1) + _LOSS_WEIGHT * loss

    def tags(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The tags of sentences, as `Labels.read` gives them."""
        encoded = Encoded(map(self.encoder.encode, sentences), self.encoder.widths)
        was_training = self.network.training
        self.network.eval()
        with torch.no_grad():
            codes, _ = self._tag(encoded, None)
        self.network.train(was_training)
        return [self.labels.tags(each) for each in codes]

    def _tag(self, encoded: Encoded, labels: Sequence[np.ndarray] | None) -> tuple[list[list[int]], float]:
        """Codes of each sentence, and the mean loss over words of sentences whose labels are all known."""
        found: list[list[int]] = [[] for _ in range(len(encoded))]
        loss, words = 0.0, 0
        batches = BucketedBatches(encoded, batch_size=_BATCH, seed=0)
        for indices in encoded.batches(_BATCH):
            indices = indices[encoded.lengths[indices] > 0]
            if not len(indices):
                continue
            batch = batches.gather(indices)
            lengths = batch["lengths"]
            emissions = self.network.compute(("emissions",), batch, lengths=lengths)["emissions"]
            best = self.crf.decode(emissions, lengths, forbidden_last=self.labels.forbidden_last)
            for at, codes in zip(indices.tolist(), best.tolist(), strict=True):
                found[at] = codes[: int(encoded.lengths[at])]
            if labels is not None:
                known = torch.tensor([UNSEEN not in labels[at] for at in indices.tolist()])
                truth = pad_labels([labels[at] for at in indices]).clamp(min=0)
                likelihood = self.crf.log_likelihood(emissions, truth, lengths)
                loss -= float(likelihood[known].sum())
                words += int(lengths[known].sum())
        return found, loss / max(words, 1)


def training_batches(
    encoded: Encoded, labels: Sequence[np.ndarray], *, batch_size: int, steps: int | None, seed: int
) -> BucketedBatches:
    """Shuffled training sentences of like length with their labels."""

    def add(indices: np.ndarray) -> dict[str, Tensor]:
        return {"labels": pad_labels([labels[at] for at in indices])}

    return BucketedBatches(encoded, batch_size=batch_size, seed=seed, add=add, steps=steps)


def pad_labels(labels: Sequence[np.ndarray]) -> Tensor:
    """Labels of sentences side by side (B, T), 0 after each."""
    padded = np.zeros((len(labels), max(1, *map(len, labels))), np.int64)
    for row, codes in zip(padded, labels, strict=True):
        row[: len(codes)] = codes
    return torch.from_numpy(padded)


def encode(sentences: Sequence[Sentence], encoder: Encoder, labels: Labels) -> tuple[Encoded, list[np.ndarray]]:
    """Sentences and their tags as numbers."""
    encoded = Encoded((encoder.encode(sentence.words) for sentence in sentences), encoder.widths)
    return encoded, [labels.codes(labels.read(sentence.tags)) for sentence in sentences]


def build_model(
    composition: Composition, encoder: Encoder, labels: Labels, *, rare_from: int, word_dropout: float
) -> Model:
    """A model with fresh parameters."""
    return Model(Network(composition), encoder, labels, rare_from=rare_from, word_dropout=word_dropout)
