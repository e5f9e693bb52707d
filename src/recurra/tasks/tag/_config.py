from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt

from recurra.train import TrainingConfig

Share = Annotated[str, BeforeValidator(str)]


class TagConfig(TrainingConfig):
    """Everything that can be chosen about a tagger: the one source of the signature, the flags and the manifest."""

    column: str | None = Field(
        default=None,
        description="Column of the tags: upos, xpos, feats ... of CoNLL-U, a number elsewhere. Default: upos, last.",
    )
    validation: Share = Field(default="0.1", description="File, or share of the sentences, for early stopping.")
    test: Share = Field(default="0.1", description="File, or share of the sentences, that only judges.")
    scheme: Literal["iobes", "bio", "tags"] = Field(
        default="iobes", description="How the network spells entities, where tags do; tags: as they are, in any order."
    )
    tokeniser: Literal["auto", "word", "character", "chinese"] = Field(
        default="auto", description="How raw text will be cut into words. Default: from the words of the data."
    )
    vocabulary: PositiveInt | None = Field(
        default=None, description="Most frequent words that get a vector. Default: all."
    )
    word_size: PositiveInt = Field(default=100, description="Numbers in the vector of a word.")
    characters: bool | None = Field(
        default=None, description="Read the characters of words too. Default: unless words are single characters."
    )
    vectors: str | None = Field(
        default=None, description="File of word vectors (GloVe, word2vec, fastText text) to start from."
    )
    pretrained: str | None = Field(default=None, description="Language model of `fit generate` to start from.")
    cell: Literal["rnn", "lstm", "gru"] = Field(default="lstm", description="Recurrent cell.")
    hidden_size: PositiveInt = Field(default=128, description="Units of each recurrent layer and direction.")
    num_layers: PositiveInt = Field(default=1, description="Stacked recurrent layers.")
    bidirectional: bool = Field(
        default=True, description="Read sentences both ways; without it, the tagger can stream."
    )
    dropout: float = Field(default=0.4, ge=0, lt=1, description="Dropout before, between and after recurrent layers.")
    word_dropout: float = Field(
        default=0.3,
        ge=0,
        lt=1,
        description="Share of once-seen words taken for unknown in training, to learn what that is.",
    )
    learning_rate: PositiveFloat | Literal["auto"] = Field(
        default=4e-3, description="Peak learning rate; 'auto' runs the learning-rate finder first."
    )
    average: float = Field(
        default=0.99,
        ge=0,
        lt=1,
        description="Decay of a running mean of the weights, which is then validated and kept.",
    )
