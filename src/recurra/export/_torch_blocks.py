"""The torch code of each block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from recurra import blocks
from recurra.export._layout import Place, StateField


@dataclass(frozen=True)
class Code:
    """A block in plain torch.

    In `call`, {x} stands for the value that it takes, {self} for its module and {tied} for the vectors that it shares;
    in `target`, {out} for what it gives.
    """

    call: str
    module: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)  # endings of names, ours to theirs
    functions: tuple[str, ...] = ()  # of `_torch_functions`
    target: str = "{out}"


def write(block: blocks.AnyBlock, place: Place, states: tuple[StateField, ...]) -> Code:
    """The code of one block; `states` is what it carries from step to step."""
    if type(block) in STATEFUL:
        return STATEFUL[type(block)](block, place, states)
    return BLOCKS[type(block)](block, place)


def _recurrent(block: blocks.Recurrent, place: Place, states: tuple[StateField, ...]) -> Code:
    options = f"{place.width}, {block.hidden_size}"
    if block.num_layers > 1:
        options += f", num_layers={block.num_layers}"
    if block.num_layers > 1 and block.dropout:
        options += f", dropout={block.dropout}"
    if block.bidirectional:
        options += ", bidirectional=True"
    names = [
        f"{kind}_l{layer}{direction}"
        for layer in range(block.num_layers)
        for direction in (("", "_reverse") if block.bidirectional else ("",))
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]
    module = f"nn.{block.cell.upper()}({options}, batch_first=True)"
    parameters = {name: f".{name}" for name in names}
    if not states:
        return Code("{self}({x})[0]", module, parameters)
    names = [quoted(state.name) for state in states]
    after = ", ".join(f"after[{name}]" for name in names)
    if len(states) == 1:
        return Code(f"{{self}}({{x}}, state.get({names[0]}))", module, parameters, target=f"{{out}}, {after}")
    call = f"{{self}}({{x}}, memory(state, {', '.join(names)}))"
    return Code(call, module, parameters, ("memory",), target=f"{{out}}, ({after})")


def _pool(block: blocks.Pool, place: Place, states: tuple[StateField, ...]) -> Code:
    function = {"max": "largest", "root": "rooted_sum"}.get(block.method, "weighted_mean")
    scores = {"max": "", "root": "", "mean": ", torch.zeros_like({x}[..., :1])"}.get(
        block.method, ', {self}["query"]({self}["key"]({x}).tanh())'
    )
    if block.method != "attention":
        return _carrying(f"{function}({{x}}{scores}", states, functions=(function,))
    module = (
        f'nn.ModuleDict({{"key": nn.Linear({place.width}, {block.size}), '
        f'"query": nn.Linear({block.size}, 1, bias=False)}})'
    )
    names = {f"{name}": f".{name}" for name in ("key.weight", "key.bias", "query.weight")}
    return _carrying(f"{function}({{x}}{scores}", states, module, names, (function,))


def _crf(block: blocks.Crf, place: Place, states: tuple[StateField, ...]) -> Code:
    names = {name: f".{name}" for name in ("transitions", "first")}
    shapes = f'"transitions": torch.zeros({place.width}, {place.width}), "first": torch.zeros({place.width})'
    call = f"best_paths({{self}}, {{x}}, {list(block.forbidden)}, {list(block.forbidden_first)}"
    return _carrying(call, states, f"nn.ParameterDict({{{shapes}}})", names, ("best_paths",))


def _carrying(
    call: str,
    states: tuple[StateField, ...],
    module: str | None = None,
    parameters: Mapping[str, str] | None = None,
    functions: tuple[str, ...] = (),
) -> Code:
    """The code of a function, its call not closed yet, that also takes and gives a state."""
    if not states:
        return Code(f"{call})[0]", module, parameters or {}, functions)
    name = quoted(states[0].name)
    return Code(f"{call}, state.get({name}))", module, parameters or {}, functions, f"{{out}}, after[{name}]")


def _characters(block: blocks.Characters, place: Place) -> Code:
    table, width = f"nn.Embedding({block.categories}, {block.size})", block.kernel * block.size
    return Code(
        'spell({self}["table"], {self}["linear"], {x})',
        f'nn.ModuleDict({{"table": {table}, "linear": nn.Linear({width}, {block.channels})}})',
        {name: f".{name}" for name in ("table.weight", "linear.weight", "linear.bias")},
        ("spell",),
    )


def _tied_linear(block: blocks.TiedLinear, place: Place) -> Code:
    module = f"nn.Parameter(torch.zeros({block.categories}))"
    return Code("nn.functional.linear({x}, {tied}, {self})", module, {"bias": ""})


def _adaptive_softmax(block: blocks.AdaptiveSoftmax, place: Place) -> Code:
    options = f"{place.width}, {block.categories}, {list(block.cutoffs)}, div_value={block.factor}"
    tails = [f"tail.{cluster}.{part}.weight" for cluster in range(len(block.cutoffs)) for part in (0, 1)]
    return Code(
        "{self}.log_prob({x}.flatten(0, -2)).unflatten(0, {x}.shape[:-1])",
        f"nn.AdaptiveLogSoftmaxWithLoss({options})",
        {name: f".{name}" for name in ("head.weight", *tails)},
    )


def _embedding(block: blocks.Embedding, place: Place) -> Code:
    tables = ", ".join(f"nn.Embedding({n}, {size})" for n, size in zip(block.categories, block.sizes, strict=True))
    return Code(
        "embed({self}, {x})",
        f"nn.ModuleList([{tables}])",
        {f"tables.{i}.weight": f".{i}.weight" for i in range(len(block.categories))},
        ("embed",),
    )


def _linear(block: blocks.Linear, place: Place) -> Code:
    ours = "" if block.activation == "none" else "0."
    call = {"none": "{}", "relu": "torch.relu({})", "tanh": "torch.tanh({})", "gelu": "nn.functional.gelu({})"}
    return Code(
        call[block.activation].format("{self}({x})"),
        f"nn.Linear({place.width}, {block.size})",
        {f"{ours}weight": ".weight", f"{ours}bias": ".bias"},
    )


def _dropout(block: blocks.Dropout, place: Place) -> Code:
    if not block.rate:
        return Code("{x}")
    if block.per == "sequence":  # whole features at once, which torch expects before time
        return Code("{self}({x}.mT).mT", f"nn.Dropout1d({block.rate})")
    return Code("{self}({x})", f"nn.Dropout({block.rate})")


def _segments(block: blocks.Segments, place: Place) -> Code:
    return Code(f"{{x}}.reshape({{x}}.shape[0], -1, {place.width * block.size})")


def _steps(block: blocks.Steps, place: Place) -> Code:
    return Code(f"{{x}}.reshape({{x}}.shape[0], -1, {place.width // block.size})")


def _last(block: blocks.Last, place: Place) -> Code:
    if block.bidirectional:
        return Code("last_of_both_ways({x})", functions=("last_of_both_ways",))
    return Code("{x}[:, -1]")


def _positions(block: blocks.Positions, place: Place) -> Code:
    return Code("{x} + {self}", f"nn.Parameter(torch.zeros({block.count}, {place.width}))", {"weight": ""})


def _decode(block: blocks.Decode, place: Place) -> Code:
    cell = {"rnn": "RNNCell", "lstm": "LSTMCell", "gru": "GRUCell"}[block.cell]
    return Code(
        "decode({self}, {x})",
        f"nn.{cell}({place.width - block.hidden_size}, {block.hidden_size})",
        {f"cell.{name}": f".{name}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")},
        ("decode",),
    )


def _horizon(block: blocks.Horizon, place: Place) -> Code:
    return Code(
        "{self}({x}.mT).mT",
        f"nn.Linear({block.time}, {block.horizon})",
        {"linear.weight": ".weight", "linear.bias": ".bias"},
    )


def _gain(block: blocks.Gain, place: Place) -> Code:
    return Code("{x} * {self}[:, None, None]", f"nn.Parameter(torch.ones({block.horizon}))", {"weight": ""})


def _unstack(block: blocks.Unstack, place: Place) -> Code:
    return Code(f"{{x}}.unflatten(-1, ({place.width // block.size}, {block.size}))")


def _level(block: blocks.Level, place: Place) -> Code:
    if block.method == "zero":
        return Code(f"torch.zeros_like({{x}}[:, :1, :{place.width // 2}])")
    if block.method == "last":
        return Code("last_observed(*{x}.chunk(2, dim=-1))", functions=("last_observed",))
    window = "{x}" if block.steps is None else f"{{x}}[:, -{block.steps}:]"
    return Code(f"mean_observed(*{window}.chunk(2, dim=-1))", functions=("mean_observed",))


def _spread(block: blocks.Spread, place: Place) -> Code:
    name = {"std": "deviation", "mean-abs": "magnitude"}[block.method]
    return Code(f"{name}(*{{x}}.chunk(3, dim=-1))", functions=("mean_observed", name))


# The blocks that carry something on from step to step, and the others.
STATEFUL: dict[type[blocks.Block], Callable[[Any, Place, tuple[StateField, ...]], Code]] = {
    blocks.Recurrent: _recurrent,
    blocks.Pool: _pool,
    blocks.Crf: _crf,
}
BLOCKS: dict[type[blocks.Block], Callable[[Any, Place], Code]] = {
    blocks.Embedding: _embedding,
    blocks.Characters: _characters,
    blocks.Linear: _linear,
    blocks.Dropout: _dropout,
    blocks.Clip: lambda block, place: Code(f"{{x}}.clamp(-{block.limit}, {block.limit})"),
    blocks.Segments: _segments,
    blocks.Steps: _steps,
    blocks.Last: _last,
    blocks.TiedLinear: _tied_linear,
    blocks.AdaptiveSoftmax: _adaptive_softmax,
    blocks.Positions: _positions,
    blocks.Decode: _decode,
    blocks.Horizon: _horizon,
    blocks.Gain: _gain,
    blocks.Unstack: _unstack,
    blocks.Level: _level,
    blocks.Spread: _spread,
}


def quoted(name: str) -> str:
    """A name as a Python string, whatever it holds."""
    return f'"{name}"' if name.isidentifier() and name.isascii() else repr(name)
