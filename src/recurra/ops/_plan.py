"""Which kernel computes an operation on this machine, and why."""

from __future__ import annotations

import os
from typing import Literal, NamedTuple, get_args

import torch

from recurra.errors import ConfigError
from recurra.ops._native import has_bfloat16, instruction_set

Kind = Literal["rnn", "lstm", "gru"]
Kernel = Literal["native", "torch", "reference"]
# What isn't a layer, and has no features.
LINEAR_CROSS_ENTROPY = "linear_cross_entropy"
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


# Up to how many steps torch may be faster at all where there is little to compute, and how little: it costs less to
# call. A kind that isn't here has no such sizes. Measured: benchmarks/small_calls.py.
_FEW_STEPS = {"rnn": 3, "gru": 1}
_LITTLE = 2048  # steps times rows times hidden units
# Rows of all steps together that don't pay for laying out weights, which the compiled kernel does at each call.
_FEW_ROWS = 4


def torch_is_faster(kind: str, steps: int, rows: int, hidden: int) -> bool:
    """Whether a call is so short that torch beats the compiled kernel at it."""
    if kind not in _FEW_STEPS or steps * rows == 0:
        return False
    return steps * rows <= _FEW_ROWS or (steps <= _FEW_STEPS[kind] and steps * rows * hidden <= _LITTLE)


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
    steps: int | None = None,
    rows: int | None = None,
    hidden_size: int | None = None,
    **features: object,
) -> Plan:
    """Which kernel would run a recurrent layer, or `linear_cross_entropy`, and why.

    `kind` is rnn, lstm or gru, or linear_cross_entropy, of which the dtype and the device say all. Features are what
    sets a layer apart: `nonlinearity`, `peephole`, `proj_size`, `reset_after`, and for all kinds `recurrent_dropout`,
    `zoneout`, `layer_norm` and whether there are `resets`.
    `training` is the layer's mode: recurrent dropout is for training alone, and so may a kernel be. `precision` is
    float32, or bf16 to let products be of numbers rounded to bfloat16 where this machine multiplies those faster. If
    `steps`, `rows` and `hidden_size` are given, the plan is for a call of that size: torch computes the shortest, where
    it is faster. Compiled graphs, which are for any size, and calls with lengths don't make this difference. The
    environment variable RECURRA_KERNEL, if it is set when recurra is imported, names the kernel instead. Raises
    ConfigError for a kind or feature that nothing computes, rather than computing something near it.

    >>> plan("rnn", dtype=torch.float32, device=torch.device("cpu"), training=True, nonlinearity="sigmoid").kernel
    'reference'
    """
    if kind == LINEAR_CROSS_ENTROPY and not features:
        return _plan_of_loss(dtype, device.type)
    choice = choose(kind, dtype, device.type, training, precision, features)
    is_bfloat16 = precision == "bf16" and choice.kernel == "native" and has_bfloat16()
    yields = choice.yields and kind in _FEW_STEPS
    if yields and steps is not None and rows is not None and hidden_size is not None:
        if torch_is_faster(kind, steps, rows, hidden_size):
            return Plan(
                "torch",
                f"torch computes this {kind}; for {steps} x {rows} rows of {hidden_size} units it is faster than "
                "recurra's own kernel, which lays out the weights at each call",
            )
        yields = False
    if choice.kernel == "native":
        products = ", bf16 products, float32 sums" if is_bfloat16 else ""
        reason = (
            f"recurra's own kernel computes this {kind}, {dtype} on the CPU, with {instruction_set()} instructions"
            f"{products}; it stores the gates for the way back, or computes them again where they would take too much "
            "memory"
        )
        if yields:
            reason += "; calls of so few steps and rows that torch is faster are torch's"
    elif choice.kernel == "torch":
        reason = f"torch computes this {kind}; recurra's own kernel has no {', no '.join(choice.not_native)}"
    else:
        own = [f"recurra's own kernel has no {', no '.join(choice.not_native)}"] if choice.not_native else []
        equations = "the equations are computed step by step, slower than torch would"
        reason = "; ".join([*choice.not_torch, *own, equations])
    if precision == "bf16" and not is_bfloat16:
        reason += f"; {dtype} products and not bf16, "
        reason += (
            f"which {instruction_set()} instructions can't multiply (AVX512_BF16 can)"
            if choice.kernel == "native"
            else "which only recurra's own kernel has"
        )
    return Plan(choice.kernel, f"RECURRA_KERNEL={_FORCED}: {reason}" if _FORCED else reason)


def kernel_of_loss(dtype: torch.dtype, device: str) -> Kernel:
    """What computes `linear_cross_entropy`; a compiler can follow it."""
    fits = dtype is torch.float32 and device == "cpu"
    if _FORCED is None:
        return "native" if fits else "torch"
    _forced([] if fits else [f"{dtype} on {device}"], [], [])
    # Its equations are torch's own operations.
    return "native" if _FORCED == "native" else "torch"


def _plan_of_loss(dtype: torch.dtype, device: str) -> Plan:
    kernel = kernel_of_loss(dtype, device)
    if kernel == "native":
        reason = (
            f"recurra's own kernel computes {LINEAR_CROSS_ENTROPY}, {dtype} on the CPU, with {instruction_set()} "
            "instructions; it stores the logits for the way back"
        )
    else:
        reason = f"torch computes {LINEAR_CROSS_ENTROPY} as a product and a cross-entropy"
        if _FORCED is None:
            reason += (
                f"; recurra's own kernel has no {dtype}" if device == "cpu" else f"; it has no kernel for {device}"
            )
    return Plan(kernel, f"RECURRA_KERNEL={_FORCED}: {reason}" if _FORCED else reason)


class Choice(NamedTuple):
    """A kernel, and what the others lack."""

    kernel: Kernel
    not_native: list[str]
    not_torch: list[str]
    yields: bool  # to torch, where a call is short


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
    if _FORCED is not None:
        return Choice(_forced(not_native, not_torch, beyond), not_native, not_torch, False)
    yields = kernel == "native" and not not_torch and not (precision == "bf16" and has_bfloat16())
    return Choice(kernel, not_native, not_torch, yields)


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
