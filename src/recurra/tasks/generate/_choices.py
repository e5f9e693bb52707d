"""What a user left open, chosen from the text, each with its reason."""

from __future__ import annotations

import math
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from recurra.errors import ConfigError
from recurra.tasks.generate._config import GenerateConfig

T = TypeVar("T")
Reasons = dict[str, tuple[object, str]]  # name of an option: its value, why

_SHOWN = {"character": 20_000_000, "other": 12_000_000}  # pieces that training shows in all, by default
_MOST_EPOCHS, _FEWEST_EPOCHS = 40, 8
_ADAPTIVE_FROM = 30_000
_FEWEST_ADAPTIVE = 16  # units: the rarest pieces are told apart by a sixteenth of them
_SET = "set by you"


class Chosen(BaseModel):
    """A language model's network and how it reads, with nothing left open."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cell: Literal["rnn", "lstm", "gru"]
    hidden_size: int
    num_layers: int
    embedding_size: int
    tied: bool
    cutoffs: tuple[int, ...]  # of an adaptive softmax
    dropout: float
    embedding_dropout: float
    weight_dropout: float
    bptt: int
    batch_size: int
    epochs: int
    steps_per_epoch: int


def choose(config: GenerateConfig, reasons: Reasons, *, kind: str, pieces: int, categories: int) -> Chosen:
    """Settle a network for a training part of so many pieces, of so many kinds; `kind` is that of the tokeniser."""
    characters = kind == "character"
    about = f"{pieces:,} {'characters' if characters else 'pieces'} to learn from"

    def settle(name: str, default: T, why: str) -> T:
        given = getattr(config, name)
        reasons[name] = (default, why) if given is None else (given, _SET)
        return default if given is None else given

    size = 64 if pieces < 20_000 else 128 if pieces < 200_000 else 256 if pieces < 20_000_000 else 512
    hidden = settle("hidden_size", size, about)
    usual = min(hidden, 64) if characters else hidden
    embedding = settle("embedding_size", usual, "as many as units" if usual == hidden else "few kinds of pieces")
    cutoffs = _cutoffs(config, reasons, categories, hidden)
    possible = embedding == hidden and not cutoffs
    tied = settle("tied", possible and not characters, f"{categories:,} kinds of pieces to tell apart")
    if tied and not possible:
        against = "an adaptive softmax" if cutoffs else f"embedding_size={embedding} and hidden_size={hidden}"
        raise ConfigError(
            f"tied=True with {against}: pieces are scored by the vectors they are read as, so both sizes must be equal "
            "and the softmax full. Leave one of these options out."
        )
    rate = 0.4 if pieces < 200_000 else 0.3 if pieces < 2_000_000 else 0.2 if pieces < 10_000_000 else 0.0
    # A character says less than a word: with as much zeroed, small networks of characters hardly learn.
    rate = rate / 2 if characters else rate
    dropout = settle("dropout", rate, about)
    reach = (128 if pieces >= 200_000 else 64) if characters else 35
    bptt = settle("bptt", reach, about if characters else "words, or parts of them")
    # An epoch should have steps enough to learn in.
    rows = 1 << max(2, min(5, int(math.log2(max(pieces / (64 * bptt), 1)))))
    batch = settle("batch_size", rows, f"rows of {pieces // rows:,} pieces, read side by side")
    epochs, steps = _length(config, reasons, pieces, -(-(pieces // batch) // bptt), batch * bptt, characters)
    return Chosen(
        cell=config.cell,
        hidden_size=hidden,
        num_layers=config.num_layers,
        embedding_size=embedding,
        tied=tied,
        cutoffs=cutoffs,
        dropout=dropout,
        embedding_dropout=config.embedding_dropout,
        weight_dropout=config.weight_dropout,
        bptt=bptt,
        batch_size=batch,
        epochs=epochs,
        steps_per_epoch=steps,
    )


def _cutoffs(config: GenerateConfig, reasons: Reasons, categories: int, hidden: int) -> tuple[int, ...]:
    adaptive = config.softmax == "adaptive" or (config.softmax == "auto" and categories > _ADAPTIVE_FROM)
    chosen = "adaptive" if adaptive else "full"
    reasons["softmax"] = (chosen, _SET if config.softmax != "auto" else f"{categories:,} kinds of pieces to tell apart")
    if not adaptive:
        return ()
    cutoffs = (categories // 15, 3 * categories // 15)
    if cutoffs[0] < 2 or hidden < _FEWEST_ADAPTIVE:
        raise ConfigError(
            f"softmax='adaptive' with {categories} kinds of pieces and hidden_size={hidden}: it needs 30 or more kinds "
            f"and {_FEWEST_ADAPTIVE} or more units. Leave it out."
        )
    return cutoffs


def _length(
    config: GenerateConfig, reasons: Reasons, pieces: int, whole: int, step: int, characters: bool
) -> tuple[int, int]:
    """Epochs and steps of each; a long text isn't shown whole in one."""
    shown = _SHOWN["character" if characters else "other"]
    whole = max(whole, 1)
    if config.steps_per_epoch is not None:
        steps = min(config.steps_per_epoch, whole)
        reasons["steps_per_epoch"] = (steps, _SET)
    elif config.epochs is None and pieces * _FEWEST_EPOCHS > shown:
        steps = min(whole, max(1, shown // _FEWEST_EPOCHS // step))
        reasons["steps_per_epoch"] = (steps, f"an epoch is {steps / whole:.0%} of the text, each goes on from the last")
    else:
        steps = whole
    epochs = max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, shown // max(pieces, 1)))
    if config.epochs is not None:
        epochs = config.epochs
    why = f"{epochs * steps * step / 1e6:.3g} million pieces are shown in all"
    reasons["epochs"] = (epochs, _SET if config.epochs is not None else why)
    return epochs, steps
