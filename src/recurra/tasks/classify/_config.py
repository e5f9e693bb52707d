from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt

from recurra.train import TrainingConfig

Share = Annotated[float, Field(ge=0, lt=1)]


def _split_names(value: Any) -> Any:
    """`"a,b"`, `["a", "b"]` and `["a,b"]` all mean two columns."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, (list, tuple)):
        return tuple(part.strip() for item in value for part in str(item).split(",") if part.strip())
    return value


class DocumentColumns(BaseModel):
    """Which columns of a table hold what is classified, and its labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str | None = Field(None, description="Column of the texts. Default: found.")
    label: str | None = Field(None, description="Column of the labels. Default: found.")
    separator: str | None = Field(
        None, description="What stands between several labels in one cell, such as ';'. Default: one label a text."
    )
    series: str | None = Field(
        None, description="Classify series of numbers instead: the column that names each; its rows are in order."
    )
    values: Annotated[tuple[str, ...], BeforeValidator(_split_names)] = Field(
        (), description="Columns of the numbers of a series. Default: all that hold numbers."
    )


class ClassifyConfig(DocumentColumns, TrainingConfig):
    """All that can be chosen about a classifier: the one source of the signature, the flags and the manifest."""

    tokeniser: Literal["auto", "word", "character", "bpe", "chinese"] = Field(
        "auto", description="What a text is cut into. Default: by looking at it."
    )
    vocabulary: PositiveInt = Field(30_000, description="Most words to know.")
    fewest: PositiveInt | None = Field(
        None, description="A word must occur so often to be known. Default: from the number of texts."
    )
    lower: bool | None = Field(None, description="Read words in lower case. Default: yes, of words.")
    casing: bool | None = Field(
        None, description="Show beside each word how it is written: lower, Capitalised, UPPER. Default: from the texts."
    )
    characters: NonNegativeInt | None = Field(
        None, description="Read so many characters of each word too, for words never seen; 0 reads none. Default: 16."
    )
    linear_skip: bool = Field(
        True, description="Add a linear map of words, pairs of words, and so on, which starts at a regression."
    )
    cell: Literal["rnn", "lstm", "gru"] = Field("lstm", description="Recurrent cell.")
    embedding_size: PositiveInt = Field(128, description="Numbers that stand for a word.")
    hidden_size: PositiveInt = Field(128, description="Units of each recurrent layer and direction.")
    num_layers: PositiveInt = Field(1, description="Stacked recurrent layers.")
    bidirectional: bool | None = Field(
        None, description="Read both ways; a model that is to stream reads one way. Default: yes, unless --pretrained."
    )
    pooling: Literal["last", "max", "mean", "attention"] = Field(
        "max", description="How the steps of a text become one: the last, the largest, the mean, or by attention."
    )
    dropout: Share = Field(0.5, description="Dropout before the recurrent layers, between them, and before the output.")
    embedding_dropout: Share = Field(0.1, description="Share of the vocabulary whose vectors are zeroed in a step.")
    weight_dropout: Share = Field(0.0, description="Share of recurrent weights that are zeroed in a step.")
    unknown: Share = Field(0.02, description="Share of words shown as unknown in training, so that it learns of such.")
    augment: Share = Field(0.0, description="Share of words dropped or swapped with their neighbour in training.")
    label_smoothing: Share = Field(0.0, description="Share of certainty given to all labels alike in training.")
    balance: bool = Field(False, description="Let every label count alike in training, however rare it is.")
    vectors: str | None = Field(
        None, description="File of word vectors to start from: GloVe, word2vec or fastText, as text."
    )
    pretrained: str | None = Field(
        None, description="Language model of `recurra fit generate` to start from; reads one way and can stream."
    )
    frozen_epochs: NonNegativeInt = Field(
        1, description="Epochs in which only what --pretrained didn't bring is trained; then all is."
    )
    most_words: PositiveInt | None = Field(
        None, description="Train on so many first words of a text. Default: from the texts' lengths."
    )
    average: float = Field(
        0.99, ge=0, lt=1, description="Decay of a running mean of the weights, which is then validated and kept."
    )
    learning_rate: PositiveFloat | Literal["auto"] = Field(
        2e-3, description="Peak learning rate; 'auto' runs the learning-rate finder first."
    )
    validation: Annotated[str, BeforeValidator(str)] = Field(
        "0.1", description="Share of the texts, or a file, for early stopping and calibration."
    )
    test: Annotated[str, BeforeValidator(str)] = Field(
        "0.1", description="Share or number of texts, or a file, to test on."
    )
