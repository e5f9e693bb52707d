"""Which kernel computes an operation on this machine, and why."""

from __future__ import annotations

import os
from typing import Literal, NamedTuple, get_args

import torch

from recurra.errors import ConfigError
from recurra.ops._native import has_bfloat16, instruction_set

Kind = Literal["rnn", "lstm", "gru"]
Kernel = Literal["native", "torch", "reference"]
Precision = Literal["float32", "bf16"]

# A kernel by name, to debug with: it computes whatever it can, and the rest is refused.
_FORCED = os.environ.get("RECURRA_KERNEL")

_OF_ALL: dict[str, object] = {"recurrent_dropout": 0, "zoneout": 0, "layer_norm": False, "resets": False}
# The value of each feature that torch's own layers have.
_IN_TORCH: dict[str, dict[str, object]] = {
    "rnn": {"nonlinearity": ("tanh", "relu"), **_OF_ALL},
    "lstm": {"peephole": False, "proj_size": None, **_OF_ALL},
    "gru": {"reset_after": True, **_OF_ALL},
}
_LACKING = {
    "nonlinearity": "torch has no simple recurrent network with a {} nonlinearity",
    "peephole": "torch has no LSTM with peepholes",
    "reset_after": "torch has no GRU that resets before the product (Cho et al., 2014)",
    "recurrent_dropout": "torch drops nothing of the state between steps",
    "zoneout": "torch has no zoneout",
    "layer_norm": "torch has no layer normalisation within recurrent layers",
    "resets": "torch can't reset rows in mid-sequence",
}
# What the compiled kernel lacks.
_NOT_COMPILED = {
    "nonlinearity": "{} nonlinearity",
    "proj_size": "projections",
    "recurrent_dropout": "recurrent dropout",
    "zoneout": "zoneout",
    "layer_norm": "layer normalisation",
}
# Features that no kernel has together with another one.
_APART = [
    *(("proj_size", beyond) for beyond in ("peephole", *_OF_ALL)),
    ("layer_norm", "peephole"),
    ("layer_norm", "reset_after"),
]


class Plan(NamedTuple):
    """The kernel that runs, by name, and why it and no other, in plain words.

    `native` is recurra's own, compiled for this machine. `torch` is torch's own implementation. `reference` is the
    equations of `recurra.reference`, one step after the other: exact, and slower.
    """

    kernel: Kernel
    reason: str


def plan(
    kind: str,
    *,
    dtype: torch.dtype,
    device: torch.device,
    training: bool,
    precision: str = "float32",
    **features: object,
) -> Plan:
    """Which kernel would run a recurrent layer, and why.

    `kind` is rnn, lstm or gru; features are what sets the layer apart: `nonlinearity`, `peephole`, `proj_size`,
    `reset_after`, and for all kinds `recurrent_dropout`, `zoneout`, `layer_norm` and whether there are `resets`.
    `training` is the layer's mode: recurrent dropout is for training alone, and so may a kernel be. `precision` is
    float32, or bf16 to let products be of numbers rounded to bfloat16 where this machine multiplies those faster. The
    environment variable RECURRA_KERNEL, if it is set when recurra is imported, names the kernel instead. Raises
    ConfigError for a kind or feature that nothing computes, rather than computing something near it.

    >>> plan("rnn", dtype=torch.float32, device=torch.device("cpu"), training=True, nonlinearity="sigmoid").kernel
    'reference'
    """
    choice = choose(kind, dtype, device.type, training, precision, features)
    is_bfloat16 = precision == "bf16" and choice.kernel == "native" and has_bfloat16()
    if choice.kernel == "native":
        products = ", bf16 products, float32 sums" if is_bfloat16 else ""
        reason = (
            f"recurra's own kernel computes this {kind}, {dtype} on the CPU, with {instruction_set()} instructions"
            f"{products}; it stores the gates for the way back, or computes them again where they would take too much "
            "memory"
        )
    elif choice.kernel == "torch":
        reason = f"torch computes this {kind}; recurra's own kernel has no {', no '.join(choice.not_native)}"
    else:
        own = [f"recurra's own kernel has no {', no '.join(choice.not_native)}"] if choice.not_native else []
        steps = "the equations are computed step by step, slower than torch would"
        reason = "; ".join([*choice.not_torch, *own, steps])
    if precision == "bf16" and not is_bfloat16:
        reason += f"; {dtype} products and not bf16, "
        reason += (
            f"which {instruction_set()} instructions can't multiply (AVX512_BF16 can)"
            if choice.kernel == "native"
            else "which only recurra's own kernel has"
        )
    return Plan(choice.kernel, f"RECURRA_KERNEL={_FORCED}: {reason}" if _FORCED else reason)


class Choice(NamedTuple):
    """A kernel, and what the others lack."""

    kernel: Kernel
    not_native: list[str]
    not_torch: list[str]


def choose(
    kind: str, dtype: torch.dtype, device: str, training: bool, precision: str, features: dict[str, object]
) -> Choice:
    """What `plan` says, before it is put into words; a compiler can follow it."""
    if kind not in _IN_TORCH:
        raise ConfigError(f"kind={kind!r}: no such recurrent layer. Choose one of {', '.join(_IN_TORCH)}.")
    if unknown := features.keys() - _IN_TORCH[kind].keys():
        raise ConfigError(
            f"{', '.join(sorted(unknown))}: a {kind} layer has no such feature. It has {', '.join(_IN_TORCH[kind])}."
        )
    if not dtype.is_floating_point:
        raise ConfigError(f"dtype={dtype}: recurrent layers compute with floating point. Convert: layer.float().")
    if precision not in get_args(Precision):
        raise ConfigError(
            f"precision={precision!r}: no such precision. Choose one of {', '.join(get_args(Precision))}."
        )
    for one, other in _APART:
        if _beyond(kind, one, features) and _beyond(kind, other, features):
            given = f"{one}={features[one]} with {other}={features[other]}"
            raise ConfigError(f"{given}: nothing computes both. Leave one of them out.")
    beyond = [name for name in features if _beyond(kind, name, features) and (training or name != "recurrent_dropout")]
    not_torch = [_LACKING[name].format(features[name]) for name in beyond if name in _LACKING]
    not_native = [_NOT_COMPILED[name].format(features[name]) for name in beyond if name in _NOT_COMPILED]
    if dtype is not torch.float32:
        not_native.append(f"{dtype}")
    if device != "cpu":
        not_native.append(f"kernel for {device}")
    kernel: Kernel = "reference" if not_torch else "torch"
    if not not_native:
        kernel = "native"
    return Choice(kernel if _FORCED is None else _forced(not_native, not_torch, beyond), not_native, not_torch)


def _forced(not_native: list[str], not_torch: list[str], beyond: list[str]) -> Kernel:
    """The kernel that RECURRA_KERNEL names, if it computes this."""
    if _FORCED == "native" and not not_native:
        return "native"
    if _FORCED == "torch" and not not_torch:
        return "torch"
    if _FORCED == "reference" and "proj_size" not in beyond:
        return "reference"
    raise ConfigError(
        f"RECURRA_KERNEL={_FORCED}: no such kernel, or it can't compute this layer. "
        "Unset it, or choose native, torch or reference."
    )


def _beyond(kind: str, name: str, features: dict[str, object]) -> bool:
    """Whether this feature is asked for at a value that torch's simplest layer doesn't have."""
    if name not in features:
        return False
    in_torch, value = _IN_TORCH[kind][name], features[name]
    if isinstance(in_torch, tuple):
        return value not in in_torch
    return not in_torch if value else bool(in_torch)
