"""The blocks that networks are made of, as data: what each is, the axes it takes and gives, and whether it can stream.

Everything that builds, trains, runs, exports or inspects a network reads these declarations and knows no task. To add
one: its declaration here, its module in `nn/_modules.py`, its instructions in `runtime/_lowering.py`, its exporters in
`export/`, a case in `tests/cases/blocks.py`.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt


class Block(BaseModel):
    """What every block declares."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    takes: ClassVar[str]
    gives: ClassVar[str]

    @property
    def causal(self) -> bool:
        """Whether step t of the output depends on steps up to t only, so that the block can stream."""
        return True

    def width(self, input_size: int) -> int:
        """Numbers on the last axis of the output for `input_size` on that of the input."""
        return input_size


class WindowBlock(Block):
    """A block that wants a whole window at once: it can't go on step by step."""

    @property
    def causal(self) -> bool:
        return False


class Embedding(Block):
    """Learned vectors for categories, side by side; code 0 is "missing or never seen".

    In training, `dropout` zeroes the vectors of some codes wherever they occur (Merity et al., 2018, 4.3).
    """

    kind: Literal["embedding"] = "embedding"
    categories: tuple[PositiveInt, ...]  # number of codes of each column, code 0 included
    sizes: tuple[PositiveInt, ...]
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    takes: ClassVar[str] = "batch ... code"
    gives: ClassVar[str] = "batch ... feature"

    def width(self, input_size: int) -> int:
        return sum(self.sizes)


class Characters(Block):
    """What a word is spelled like: vectors of its characters, a convolution over them, and the largest of each feature.

    Takes the codes of a word's characters side by side, 0 after its end (dos Santos & Zadrozny, 2014). Windows of
    `kernel` characters reach over both ends of the word, where vectors are 0; code 0 has no vector. A word of no
    characters gives zeros.
    """

    kind: Literal["characters"] = "characters"
    categories: PositiveInt  # number of codes, code 0 included
    size: PositiveInt  # of a character's vector
    channels: PositiveInt
    kernel: Literal[1, 3, 5, 7] = 3
    takes: ClassVar[str] = "batch time code"
    gives: ClassVar[str] = "batch time feature"

    def width(self, input_size: int) -> int:
        return self.channels


class Linear(Block):
    """An affine map of each step, then an activation."""

    kind: Literal["linear"] = "linear"
    size: PositiveInt
    activation: Literal["none", "relu", "tanh", "gelu"] = "none"
    takes: ClassVar[str] = "batch ... feature"
    gives: ClassVar[str] = "batch ... feature"

    def width(self, input_size: int) -> int:
        return self.size


class Dropout(Block):
    """Zeroes numbers at random while training (Srivastava et al., 2014).

    With `per` "sequence" the same ones at all steps of a sequence (Gal & Ghahramani, 2016).
    """

    kind: Literal["dropout"] = "dropout"
    rate: Annotated[float, Field(ge=0, lt=1)]
    per: Literal["number", "sequence"] = "number"
    takes: ClassVar[str] = "batch ... feature"
    gives: ClassVar[str] = "batch ... feature"


class Clip(Block):
    """Keeps numbers within plus or minus `limit`, so that one wild value does not flood the network."""

    kind: Literal["clip"] = "clip"
    limit: Annotated[float, Field(gt=0)]
    takes: ClassVar[str] = "batch ... feature"
    gives: ClassVar[str] = "batch ... feature"


class Segments(Block):
    """Joins `size` consecutive steps into one, so that a recurrence has fewer, wider steps (SegRNN, Lin et al., 2023).

    The number of steps must be a multiple of `size`. Not causal: a segment waits for its last step.
    """

    kind: Literal["segments"] = "segments"
    size: PositiveInt
    takes: ClassVar[str] = "batch time feature"
    gives: ClassVar[str] = "batch segment feature"

    @property
    def causal(self) -> bool:
        return self.size == 1

    def width(self, input_size: int) -> int:
        return input_size * self.size


class Steps(Block):
    """The inverse of `Segments`: spreads each wide step over `size` steps."""

    kind: Literal["steps"] = "steps"
    size: PositiveInt
    takes: ClassVar[str] = "batch segment feature"
    gives: ClassVar[str] = "batch time feature"

    @property
    def causal(self) -> bool:
        return self.size == 1

    def width(self, input_size: int) -> int:
        return input_size // self.size


class Recurrent(Block):
    """A stack of RNN, LSTM or GRU layers; gives the output of the last layer at every step.

    In training, `dropout` zeroes numbers between layers, and `weight_dropout` entries of the recurrent matrices, anew
    for each batch (DropConnect on hidden-to-hidden weights: Merity et al., 2018, 2).
    """

    kind: Literal["recurrent"] = "recurrent"
    cell: Literal["rnn", "lstm", "gru"]
    hidden_size: PositiveInt
    num_layers: PositiveInt = 1
    bidirectional: bool = False
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    weight_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    takes: ClassVar[str] = "batch time feature"
    gives: ClassVar[str] = "batch time hidden"

    @property
    def causal(self) -> bool:
        return not self.bidirectional

    def width(self, input_size: int) -> int:
        return self.hidden_size * (2 if self.bidirectional else 1)


class Last(Block):
    """The output at the last step; of a bidirectional stack, each direction's own last.

    One way it is causal: stepping, the last step is the newest.
    """

    kind: Literal["last"] = "last"
    bidirectional: bool = False
    takes: ClassVar[str] = "batch time hidden"
    gives: ClassVar[str] = "batch hidden"

    @property
    def causal(self) -> bool:
        return not self.bidirectional


class Pool(Block):
    """All steps of a sequence in one: the largest or the mean of each number, or a mean weighted by attention.

    "root" is the sum over the root of the number of steps: counts of words, comparable between short and long texts.
    Causal: stepping, it is of the steps so far. Attention weighs a step x by the softmax over steps of v tanh(W x + b)
    with `size` rows in W (Yang et al., 2016, equations 5 to 7).
    """

    kind: Literal["pool"] = "pool"
    method: Literal["max", "mean", "attention", "root"]
    size: PositiveInt = 64  # of attention
    takes: ClassVar[str] = "batch time hidden"
    gives: ClassVar[str] = "batch hidden"


class Crf(Block):
    """A linear-chain conditional random field over labels (Lafferty et al., 2001): scores of steps to scores of paths.

    Takes a score for each label and gives, at each step t and for each label, the score of the best path of labels up
    to t that ends there, less that of the best path of all (Viterbi): its largest is 0. Labels are read back from
    there; see `nn.Crf`. Causal: the best path so far is known at each step, though later steps may change it.
    """

    kind: Literal["crf"] = "crf"
    forbidden: tuple[tuple[int, int], ...] = ()  # label, label that can't follow it
    forbidden_first: tuple[int, ...] = ()
    takes: ClassVar[str] = "batch time label"
    gives: ClassVar[str] = "batch time label"


class TiedLinear(Block):
    """Scores of categories by the vectors that an embedding has for them, plus a bias (Press & Wolf, 2017).

    `branch` begins with the embedding, of one column.
    """

    kind: Literal["tied_linear"] = "tied_linear"
    branch: str
    categories: PositiveInt
    takes: ClassVar[str] = "batch ... feature"
    gives: ClassVar[str] = "batch ... category"

    def width(self, input_size: int) -> int:
        return self.categories


class AdaptiveSoftmax(Block):
    """Logarithms of probabilities of many categories, frequent ones first, in clusters (Grave et al., 2017).

    Categories below the first of `cutoffs` have scores of their own, those of each later cluster share one, and their
    vectors are `factor` times narrower with each cluster. Equal to torch.nn.AdaptiveLogSoftmaxWithLoss with
    `div_value=factor` and no bias in the head.
    """

    kind: Literal["adaptive_softmax"] = "adaptive_softmax"
    categories: PositiveInt
    cutoffs: tuple[PositiveInt, ...]
    factor: Annotated[float, Field(ge=1)] = 4.0
    takes: ClassVar[str] = "batch ... feature"
    gives: ClassVar[str] = "batch ... category"

    def width(self, input_size: int) -> int:
        return self.categories


class Positions(WindowBlock):
    """Adds a learned vector for each of `count` positions."""

    kind: Literal["positions"] = "positions"
    count: PositiveInt
    takes: ClassVar[str] = "batch segment feature"
    gives: ClassVar[str] = "batch segment feature"


class Decode(WindowBlock):
    """One recurrent step for each position, all from one state: parallel decoding (SegRNN, Lin et al., 2023, 3.3).

    Takes the state (the first `hidden_size` features, equal at all positions) beside the input of each position.
    An LSTM starts with its memory equal to the state.
    """

    kind: Literal["decode"] = "decode"
    cell: Literal["rnn", "lstm", "gru"]
    hidden_size: PositiveInt
    takes: ClassVar[str] = "batch segment feature"
    gives: ClassVar[str] = "batch segment hidden"

    def width(self, input_size: int) -> int:
        return self.hidden_size


class Horizon(WindowBlock):
    """A linear map from the steps of a window to those ahead, the same for each feature (Zeng et al., 2023)."""

    kind: Literal["horizon"] = "horizon"
    time: PositiveInt
    horizon: PositiveInt
    takes: ClassVar[str] = "batch time feature"
    gives: ClassVar[str] = "batch horizon feature"


class Gain(WindowBlock):
    """Multiplies each step ahead by a learned number of its own, so that near steps can be spoken of more finely."""

    kind: Literal["gain"] = "gain"
    horizon: PositiveInt
    takes: ClassVar[str] = "batch horizon target quantile"
    gives: ClassVar[str] = "batch horizon target quantile"


class Unstack(Block):
    """Splits the last axis in two, the second of length `size`: (target quantile) becomes target, quantile."""

    kind: Literal["unstack"] = "unstack"
    size: PositiveInt
    takes: ClassVar[str] = "batch ... feature"
    gives: ClassVar[str] = "batch ... target quantile"

    def width(self, input_size: int) -> int:
        return self.size


class Level(WindowBlock):
    """The level of each target in a window: its last observed value, its mean, or zero.

    Takes values and 0/1 observed flags side by side. A window without any observation has level 0.
    """

    kind: Literal["level"] = "level"
    method: Literal["last", "mean", "zero"]
    steps: PositiveInt | None = None  # the mean is of so many last steps; None: of all
    takes: ClassVar[str] = "batch time feature"
    gives: ClassVar[str] = "batch 1 target"

    def width(self, input_size: int) -> int:
        return input_size // 2


class Spread(WindowBlock):
    """The scale of each target in a window: its standard deviation, or its mean magnitude.

    Takes values, observed flags, and the scale of the series (equal at all steps) side by side. Reversible instance
    normalisation (Kim et al., 2022) is level "mean" and spread "std". A tenth of the series' scale is the floor, so
    that a flat window does not blow up.
    """

    kind: Literal["spread"] = "spread"
    method: Literal["std", "mean-abs"]
    takes: ClassVar[str] = "batch time feature"
    gives: ClassVar[str] = "batch 1 target"

    def width(self, input_size: int) -> int:
        return input_size // 3


AnyBlock = Annotated[
    Embedding
    | Characters
    | Linear
    | Dropout
    | Clip
    | Segments
    | Steps
    | Recurrent
    | Last
    | Pool
    | Crf
    | TiedLinear
    | AdaptiveSoftmax
    | Positions
    | Decode
    | Horizon
    | Gain
    | Unstack
    | Level
    | Spread,
    Field(discriminator="kind"),
]


def embedding_size(categories: int) -> int:
    """A width for the vectors of `categories` codes: grows with the fourth root, as is customary; 2 to 32."""
    return max(2, min(32, round(1.6 * math.pow(categories, 0.56))))
