"""Word vectors and a recurrent layer that were learnt elsewhere, to start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from pydantic import ValidationError

from recurra.blocks import Composition, Embedding, Recurrent
from recurra.bundle import open_bundle
from recurra.data.text import Encoder, Vocabulary, read_vectors
from recurra.errors import BundleError, ConfigError
from recurra.nn import Network
from recurra.tasks._estimator import check_settled
from recurra.tasks.tag._config import TagConfig


@dataclass(frozen=True, eq=False)
class Warmth:
    """What is known before training; nothing at all, mostly."""

    vectors: Mapping[str, np.ndarray] = field(default_factory=dict)  # by word
    word_size: int | None = None
    layer: Mapping[str, np.ndarray] = field(default_factory=dict)  # of a recurrence over words alone, by torch's names
    notes: tuple[str, ...] = ()


def find_warmth(config: TagConfig, encoder: Encoder) -> Warmth:
    """Read what `vectors` or `pretrained` names."""
    if config.vectors is not None and config.pretrained is not None:
        raise ConfigError("vectors and pretrained were both given, and both hold vectors of words. Give one of them.")
    if config.vectors is not None:
        vectors, width, notes = read_vectors(config.vectors, encoder.words.pieces)
        check_settled(config, {"word_size": width}, config.vectors)
        return Warmth(vectors, width, notes=notes)
    return Warmth() if config.pretrained is None else _from_language_model(config, encoder, config.pretrained)


def warm_up(network: Network, warmth: Warmth, encoder: Encoder) -> None:
    """Put what is known where it belongs in a network with fresh parameters."""
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        table = parameters["chains.word.0.tables.0.weight"]
        for word, vector in warmth.vectors.items():
            table[encoder.words.code_of[word]] = torch.from_numpy(np.array(vector))
        for name, array in warmth.layer.items():
            parameter = parameters[f"chains.read.1.{name}"]
            given = torch.from_numpy(np.array(array))
            # A language model reads words alone; what else a tagger reads starts from fresh weights.
            (parameter[:, : given.shape[1]] if given.dim() > 1 else parameter).copy_(given)


def _from_language_model(config: TagConfig, encoder: Encoder, path: str) -> Warmth:
    """The vectors of words that a language model knows, and its first recurrent layer where that has our shape."""
    bundle = open_bundle(path)
    try:
        composition = Composition.model_validate(bundle.manifest.network)
        vocabulary = Vocabulary.model_validate(bundle.document("preprocessing.json")["words"])
    except (ValidationError, KeyError, TypeError) as error:
        raise BundleError(
            f"{path} is no language model of words ({bundle.manifest.task}). Give one of `recurra fit generate`."
        ) from error
    weights = bundle.weights()
    found = {
        (branch.name, position): block
        for branch in composition.branches
        for position, block in enumerate(branch.blocks)
        if isinstance(block, Embedding | Recurrent)
    }
    tables = [place for place, block in found.items() if isinstance(block, Embedding)]
    if not tables:
        raise BundleError(f"{path} has no vectors of words. Give a model of `recurra fit generate`.")
    branch, position = tables[0]
    table = weights[f"chains.{branch}.{position}.tables.0.weight"]
    # Pieces of a language model may hold the space before a word.
    codes = {piece.strip(): code for piece, code in vocabulary.code_of.items()} | dict(vocabulary.code_of)
    known = {word: code for word in encoder.words.pieces if (code := codes.get(word)) is not None}
    notes = [f"{len(known):,} of {len(encoder.words.pieces):,} words have a vector in {path}."]
    layer: dict[str, np.ndarray] = {}
    for (branch, position), block in found.items():
        if isinstance(block, Recurrent):
            if (block.cell, block.hidden_size) == (config.cell, config.hidden_size):
                parts = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
                layer = {part: weights[f"chains.{branch}.{position}.{part}"] for part in parts}
                notes.append(f"The first layer, forwards, starts from that of {path}.")
            else:
                notes.append(
                    f"The recurrent layer of {path} isn't used: it is a {block.cell} of {block.hidden_size} units. "
                    f"Pass --cell {block.cell} --hidden-size {block.hidden_size} to start from it."
                )
            break
    return Warmth({word: table[code] for word, code in known.items()}, table.shape[1], layer, tuple(notes))
