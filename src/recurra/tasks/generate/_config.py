from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt

from recurra.train import TrainingConfig

Share = Annotated[float, Field(ge=0, lt=1)]


class GenerateConfig(TrainingConfig):
    """All that can be chosen about a language model: the one source of the signature, the flags and the manifest."""

    tokeniser: Literal["auto", "character", "word", "bpe", "chinese"] = Field(
        "auto", description="The pieces that text is read and written in. Default: by looking at it."
    )
    vocabulary: PositiveInt | None = Field(
        None, description="Most pieces to know. Default: 50,000 words, or 8,000 parts of words of bpe."
    )
    fewest: PositiveInt = Field(2, description="A piece must occur so often in the training part to be known.")
    cell: Literal["rnn", "lstm", "gru"] = Field("lstm", description="Recurrent cell.")
    hidden_size: PositiveInt | None = Field(
        None, description="Units of each recurrent layer. Default: from the amount of text."
    )
    num_layers: PositiveInt = Field(2, description="Stacked recurrent layers.")
    embedding_size: PositiveInt | None = Field(
        None, description="Numbers that stand for a piece. Default: as hidden_size, fewer for characters."
    )
    tied: bool | None = Field(
        None, description="Score pieces by the vectors they are read as. Default: yes, but for characters."
    )
    softmax: Literal["auto", "full", "adaptive"] = Field(
        "auto", description="adaptive: rare pieces share scores, which is faster. Default: beyond 30,000 pieces."
    )
    dropout: Share | None = Field(
        None, description="Share of numbers zeroed around recurrent layers, the same along the text. "
        "Default: from the amount of text."
    )  # fmt: skip
    embedding_dropout: Share = Field(0.0, description="Share of the vocabulary whose vectors are zeroed in a step.")
    weight_dropout: Share = Field(0.0, description="Share of recurrent weights that are zeroed in a step.")
    bptt: PositiveInt | None = Field(
        None, description="Pieces that gradients go back through. Default: 128 characters, or 35 of other pieces."
    )
    learning_rate: PositiveFloat | Literal["auto"] = Field(
        4e-3, description="Peak learning rate; 'auto' runs the learning-rate finder first."
    )
    validation: Annotated[str, BeforeValidator(str)] = Field(
        "0.05", description="Share of the text, just before the test part, or a file, for early stopping."
    )
    test: Annotated[str, BeforeValidator(str)] = Field(
        "0.05", description="Last share of the text, or a file, to test on."
    )
