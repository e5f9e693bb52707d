"""The blocks that networks are made of: each a declaration (data) that can build its torch module.

A block says which axes it takes and gives, whether it is causal (step t of its output needs no input after step t), and
the width of its output. Everything that runs, exports or inspects a network works on these declarations and knows no
task. To add one: its declaration and module here, one line in `AnyBlock`, one case in `tests/cases/blocks.py`.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from torch import Tensor, nn

from recurra.nn._recurrent import GRU, LSTM, RNN

_ACTIVATIONS: dict[str, type[nn.Module]] = {"none": nn.Identity, "relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}


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

    def build(self, input_size: int) -> nn.Module:
        """The torch module for `input_size` numbers on the last axis."""
        raise NotImplementedError


class Embedding(Block):
    """Learned vectors for categories, side by side; code 0 is "missing or never seen"."""

    kind: Literal["embedding"] = "embedding"
    categories: tuple[PositiveInt, ...]  # number of codes of each column, code 0 included
    sizes: tuple[PositiveInt, ...]
    takes: ClassVar[str] = "batch ... code"
    gives: ClassVar[str] = "batch ... feature"

    def width(self, input_size: int) -> int:
        return sum(self.sizes)

    def build(self, input_size: int) -> nn.Module:
        return _EmbeddingModule(self.categories, self.sizes)


class _EmbeddingModule(nn.Module):
    def __init__(self, categories: tuple[int, ...], sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(n, size) for n, size in zip(categories, sizes, strict=True))
        for table in self.tables:
            nn.init.normal_(table.weight, std=0.1)  # pyright: ignore[reportArgumentType]

    def forward(self, codes: Int[Tensor, "batch *middle code"]) -> Float[Tensor, "batch *middle feature"]:
        return torch.cat([table(codes[..., i]) for i, table in enumerate(self.tables)], dim=-1)


class Linear(Block):
    """An affine map of each step, then an activation."""

    kind: Literal["linear"] = "linear"
    size: PositiveInt
    activation: Literal["none", "relu", "tanh", "gelu"] = "none"
    takes: ClassVar[str] = "batch ... feature"
    gives: ClassVar[str] = "batch ... feature"

    def width(self, input_size: int) -> int:
        return self.size

    def build(self, input_size: int) -> nn.Module:
        linear = nn.Linear(input_size, self.size)
        return linear if self.activation == "none" else nn.Sequential(linear, _ACTIVATIONS[self.activation]())


class Dropout(Block):
    """Zeroes numbers at random while training (Srivastava et al., 2014)."""

    kind: Literal["dropout"] = "dropout"
    rate: Annotated[float, Field(ge=0, lt=1)]
    takes: ClassVar[str] = "batch ... feature"
    gives: ClassVar[str] = "batch ... feature"

    def build(self, input_size: int) -> nn.Module:
        return nn.Dropout(self.rate)


class Clip(Block):
    """Keeps numbers within plus or minus `limit`, so that one wild value does not flood the network."""

    kind: Literal["clip"] = "clip"
    limit: Annotated[float, Field(gt=0)]
    takes: ClassVar[str] = "batch ... feature"
    gives: ClassVar[str] = "batch ... feature"

    def build(self, input_size: int) -> nn.Module:
        return nn.Hardtanh(-self.limit, self.limit)


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

    def build(self, input_size: int) -> nn.Module:
        return nn.Identity() if self.size == 1 else _SegmentsModule(self.size)


class _SegmentsModule(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Float[Tensor, "batch time feature"]) -> Float[Tensor, "batch segment wide"]:
        return x.reshape(x.shape[0], x.shape[1] // self.size, self.size * x.shape[2])


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

    def build(self, input_size: int) -> nn.Module:
        return _StepsModule(self.size)


class _StepsModule(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Float[Tensor, "batch segment wide"]) -> Float[Tensor, "batch time feature"]:
        return x.reshape(x.shape[0], x.shape[1] * self.size, x.shape[2] // self.size)


class Recurrent(Block):
    """A stack of RNN, LSTM or GRU layers; gives the output of the last layer at every step."""

    kind: Literal["recurrent"] = "recurrent"
    cell: Literal["rnn", "lstm", "gru"]
    hidden_size: PositiveInt
    num_layers: PositiveInt = 1
    bidirectional: bool = False
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    takes: ClassVar[str] = "batch time feature"
    gives: ClassVar[str] = "batch time hidden"

    @property
    def causal(self) -> bool:
        return not self.bidirectional

    def width(self, input_size: int) -> int:
        return self.hidden_size * (2 if self.bidirectional else 1)

    def build(self, input_size: int) -> nn.Module:
        layer = {"rnn": RNN, "lstm": LSTM, "gru": GRU}[self.cell]
        return layer(
            input_size,
            self.hidden_size,
            self.num_layers,
            batch_first=True,
            bidirectional=self.bidirectional,
            dropout=self.dropout if self.num_layers > 1 else 0.0,
        )


class Last(Block):
    """The output at the last step; of a bidirectional stack, each direction's own last."""

    kind: Literal["last"] = "last"
    bidirectional: bool = False
    takes: ClassVar[str] = "batch time hidden"
    gives: ClassVar[str] = "batch hidden"

    @property
    def causal(self) -> bool:
        return False

    def build(self, input_size: int) -> nn.Module:
        return _LastModule(self.bidirectional)


class _LastModule(nn.Module):
    def __init__(self, bidirectional: bool) -> None:
        super().__init__()
        self.bidirectional = bidirectional

    def forward(self, x: Float[Tensor, "batch time hidden"]) -> Float[Tensor, "batch hidden"]:
        if not self.bidirectional:
            return x[:, -1]
        half = x.shape[2] // 2
        return torch.cat([x[:, -1, :half], x[:, 0, half:]], dim=-1)


class Positions(Block):
    """Adds a learned vector for each of `count` positions."""

    kind: Literal["positions"] = "positions"
    count: PositiveInt
    takes: ClassVar[str] = "batch segment feature"
    gives: ClassVar[str] = "batch segment feature"

    @property
    def causal(self) -> bool:
        return False

    def build(self, input_size: int) -> nn.Module:
        return _PositionsModule(self.count, input_size)


class _PositionsModule(nn.Module):
    def __init__(self, count: int, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(count, size) * 0.1)

    def forward(self, x: Float[Tensor, "batch segment feature"]) -> Float[Tensor, "batch segment feature"]:
        return x + self.weight


class Decode(Block):
    """One recurrent step for each position, all from one state: parallel decoding (SegRNN, Lin et al., 2023, 3.3).

    Takes the state (the first `hidden_size` features, equal at all positions) beside the input of each position.
    An LSTM starts with its memory equal to the state.
    """

    kind: Literal["decode"] = "decode"
    cell: Literal["rnn", "lstm", "gru"]
    hidden_size: PositiveInt
    takes: ClassVar[str] = "batch segment feature"
    gives: ClassVar[str] = "batch segment hidden"

    @property
    def causal(self) -> bool:
        return False

    def width(self, input_size: int) -> int:
        return self.hidden_size

    def build(self, input_size: int) -> nn.Module:
        return _DecodeModule(self.cell, input_size - self.hidden_size, self.hidden_size)


class _DecodeModule(nn.Module):
    def __init__(self, cell: str, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.cell = {"rnn": nn.RNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}[cell](input_size, hidden_size)

    def forward(self, x: Float[Tensor, "batch segment feature"]) -> Float[Tensor, "batch segment hidden"]:
        flat = x.reshape(-1, x.shape[2])
        state, own = flat[:, : self.hidden_size], flat[:, self.hidden_size :]
        h = self.cell(own, (state, state))[0] if isinstance(self.cell, nn.LSTMCell) else self.cell(own, state)
        return h.reshape(x.shape[0], x.shape[1], self.hidden_size)


class Horizon(Block):
    """A linear map from the steps of a window to those ahead, the same for each feature (Zeng et al., 2023)."""

    kind: Literal["horizon"] = "horizon"
    time: PositiveInt
    horizon: PositiveInt
    takes: ClassVar[str] = "batch time feature"
    gives: ClassVar[str] = "batch horizon feature"

    @property
    def causal(self) -> bool:
        return False

    def build(self, input_size: int) -> nn.Module:
        return _HorizonModule(self.time, self.horizon)


class _HorizonModule(nn.Module):
    def __init__(self, time: int, horizon: int) -> None:
        super().__init__()
        self.linear = nn.Linear(time, horizon)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Float[Tensor, "batch time feature"]) -> Float[Tensor, "batch horizon feature"]:
        return self.linear(x.mT).mT


class Gain(Block):
    """Multiplies each step ahead by a learned number of its own, so that near steps can be spoken of more finely."""

    kind: Literal["gain"] = "gain"
    horizon: PositiveInt
    takes: ClassVar[str] = "batch horizon target quantile"
    gives: ClassVar[str] = "batch horizon target quantile"

    @property
    def causal(self) -> bool:
        return False

    def build(self, input_size: int) -> nn.Module:
        return _GainModule(self.horizon)


class _GainModule(nn.Module):
    def __init__(self, horizon: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(horizon))

    def forward(
        self, x: Float[Tensor, "batch horizon target quantile"]
    ) -> Float[Tensor, "batch horizon target quantile"]:
        return x * self.weight[:, None, None]


class Unstack(Block):
    """Splits the last axis in two, the second of length `size`: (target quantile) becomes target, quantile."""

    kind: Literal["unstack"] = "unstack"
    size: PositiveInt
    takes: ClassVar[str] = "batch ... feature"
    gives: ClassVar[str] = "batch ... target quantile"

    def width(self, input_size: int) -> int:
        return self.size

    def build(self, input_size: int) -> nn.Module:
        return nn.Unflatten(-1, (input_size // self.size, self.size))


class Level(Block):
    """The level of each target in a window: its last observed value, its mean, or zero.

    Takes values and 0/1 observed flags side by side. A window without any observation has level 0.
    """

    kind: Literal["level"] = "level"
    method: Literal["last", "mean", "zero"]
    steps: PositiveInt | None = None  # the mean is of so many last steps; None: of all
    takes: ClassVar[str] = "batch time feature"
    gives: ClassVar[str] = "batch 1 target"

    @property
    def causal(self) -> bool:
        return False

    def width(self, input_size: int) -> int:
        return input_size // 2

    def build(self, input_size: int) -> nn.Module:
        return _LevelModule(self.method, self.steps)


class _LevelModule(nn.Module):
    def __init__(self, method: str, steps: int | None) -> None:
        super().__init__()
        self.method, self.steps = method, steps

    def forward(self, x: Float[Tensor, "batch time double"]) -> Float[Tensor, "batch 1 target"]:
        values, observed = x.chunk(2, dim=-1)
        if self.method == "zero":
            return torch.zeros_like(values[:, :1])
        if self.method == "mean":
            if self.steps is not None:
                values, observed = values[:, -self.steps :], observed[:, -self.steps :]
            return (values * observed).sum(1, keepdim=True) / observed.sum(1, keepdim=True).clamp(min=1)
        steps = torch.arange(1, values.shape[1] + 1, device=x.device)[None, :, None]
        last = (steps * (observed > 0)).amax(1, keepdim=True)
        value = values.gather(1, (last - 1).clamp(min=0))
        return torch.where(last > 0, value, torch.zeros_like(value))


class Spread(Block):
    """The scale of each target in a window: its standard deviation, or its mean magnitude.

    Takes values, observed flags, and the scale of the series (equal at all steps) side by side. Reversible instance
    normalisation (Kim et al., 2022) is level "mean" and spread "std". A tenth of the series' scale is the floor, so
    that a flat window does not blow up.
    """

    kind: Literal["spread"] = "spread"
    method: Literal["std", "mean-abs"]
    takes: ClassVar[str] = "batch time feature"
    gives: ClassVar[str] = "batch 1 target"

    @property
    def causal(self) -> bool:
        return False

    def width(self, input_size: int) -> int:
        return input_size // 3

    def build(self, input_size: int) -> nn.Module:
        return _SpreadModule(self.method)


class _SpreadModule(nn.Module):
    def __init__(self, method: str) -> None:
        super().__init__()
        self.method = method

    def forward(self, x: Float[Tensor, "batch time triple"]) -> Float[Tensor, "batch 1 target"]:
        values, observed, scale = x.chunk(3, dim=-1)
        scale = scale[:, :1]
        count = observed.sum(1, keepdim=True).clamp(min=1)
        if self.method == "mean-abs":
            return (values.abs() * observed).sum(1, keepdim=True) / count + 0.1 * scale
        mean = (values * observed).sum(1, keepdim=True) / count
        variance = ((values - mean).square() * observed).sum(1, keepdim=True) / count
        return (variance + (0.1 * scale).square()).sqrt()


AnyBlock = Annotated[
    Embedding
    | Linear
    | Dropout
    | Clip
    | Segments
    | Steps
    | Recurrent
    | Last
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
