"""Word vectors, or a language model's embedding and recurrent layers, to start a classifier from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from recurra.blocks import Composition, Embedding, Recurrent
from recurra.bundle import open_bundle
from recurra.data.text import Encoder, read_vectors
from recurra.errors import BundleError, ConfigError
from recurra.nn import Network
from recurra.tasks._estimator import check_settled
from recurra.tasks._keeping import fitting_together
from recurra.tasks.classify._composition import READ
from recurra.tasks.classify._config import ClassifyConfig

_VECTORS = "word_vectors"
_TABLE = f"chains.{_VECTORS}.0.tables.0.weight"
_LAYERS = f"chains.{READ}.1"  # after the dropout


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """What a classifier takes over from a language model."""

    encoder: Encoder
    embedding: Embedding
    layers: tuple[Recurrent, ...]
    weights: Mapping[str, np.ndarray] = field(repr=False)  # by the names that they have in a classifier

    def settle(self, config: ClassifyConfig) -> ClassifyConfig:
        """The config with the sizes of this model. ConfigError where other ones were given."""
        if config.bidirectional:
            raise ConfigError(
                "bidirectional and pretrained were both given; a language model reads one way. Leave one of them out."
            )
        first = self.layers[0]
        sizes = {
            "cell": first.cell,
            "hidden_size": first.hidden_size,
            "num_layers": len(self.layers),
            "embedding_size": self.embedding.sizes[0],
            "bidirectional": False,
        }
        check_settled(config, sizes, f"the language model {config.pretrained}")
        return config.model_copy(update=sizes)

    @property
    def frozen(self) -> tuple[str, ...]:
        """What begins the names of the parameters that come from it: the layers, then the vectors."""
        return f"chains.{READ}.", f"chains.{_VECTORS}."


def open_language_model(path: str) -> LanguageModel:
    """Read a bundle of `recurra fit generate`. BundleError where it's something else."""
    bundle = open_bundle(path)
    if bundle.manifest.task != "generate":
        raise BundleError(
            f"{path} is a model for {bundle.manifest.task}; pretrained takes a language model. "
            "Make one from text alone: recurra fit generate TEXTS --out NAME."
        )
    with fitting_together(path):
        composition = Composition.model_validate(bundle.manifest.network)
        encoder = Encoder.model_validate_json(bundle.read("preprocessing.json"))
        weights = bundle.weights()
        places = [
            (f"chains.{branch.name}.{position}", block)
            for branch in composition.branches
            for position, block in enumerate(branch.blocks)
        ]
        ((table, embedding),) = ((name, block) for name, block in places if isinstance(block, Embedding))
        layers = [(name, block) for name, block in places if isinstance(block, Recurrent)]
        taken = {_TABLE: weights[f"{table}.tables.0.weight"]}
        count = 0
        for name, block in layers:
            for layer in range(block.num_layers):
                for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    taken[f"{_LAYERS}.{part}_l{count}"] = weights[f"{name}.{part}_l{layer}"]
                count += 1
    each = tuple(block for _, block in layers for _ in range(block.num_layers))
    return LanguageModel(encoder, embedding, each, taken)


def put_language_model(network: Network, model: LanguageModel) -> None:
    """Start a network at the weights of a language model."""
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for name, array in model.weights.items():
            parameters[name].copy_(torch.from_numpy(np.array(array)))


def fetch_vectors(path: str, encoder: Encoder) -> tuple[dict[int, np.ndarray], int, tuple[str, ...]]:
    """The vectors that a file has for known words, by their code; their width, and notes."""
    found, width, notes = read_vectors(path, encoder.words.pieces)
    return {encoder.words.code_of[word]: vector for word, vector in found.items()}, width, notes


def put_vectors(network: Network, vectors: Mapping[int, np.ndarray]) -> None:
    """Start a network's embedding at these vectors; words without one start as small as they are."""
    table = dict(network.named_parameters())[_TABLE]
    with torch.no_grad():
        for code, vector in vectors.items():
            table[code] = torch.from_numpy(vector)
