"""The batch size that fits a bound on memory, measured on the network itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from recurra.errors import ConfigError
from recurra.train._config import TrainingConfig
from recurra.train._optimizer import optimizer_copies
from recurra.train._tensors import named_tensors
from recurra.train._weights import unchanged

_GB = 1e9
# What is kept for backward isn't all: the backward pass adds gradients of activations, the forward pass temporaries,
# and the C library holds on to some freed blocks. Measured on networks of linear, convolution, RNN, GRU and LSTM
# layers, the process grew by 0.8 to 2.1 times the kept bytes, and by some 90 MB more at medium sizes.
_PEAK = 2.5
_ALLOCATOR = 96_000_000


@dataclass(frozen=True)
class BatchSizeChoice:
    """A batch size and where it comes from."""

    batch_size: int
    sample_bytes: int  # memory that one more sample of the batch takes at the peak
    fixed_bytes: int  # memory that doesn't depend on the batch: weights, gradients, optimiser, kept best, allocator
    reason: str


def choose_batch_size(
    network: nn.Module,
    loss: Callable[[nn.Module, Any], Tensor],
    probe: Callable[[int], Any],
    config: TrainingConfig,
    *,
    lower: int = 16,
    upper: int = 256,
) -> BatchSizeChoice:
    """The largest power of two in `lower` to `upper` whose training stays within `config.memory` GB.

    `probe(n)` gives a batch of n samples; it is asked for 4 and for 8, so samples may repeat. Counted is what training
    holds: weights, gradients, optimiser, the kept best weights, activations; not the data and not the program. When
    even `lower` doesn't fit, ConfigError says how much it would take.
    """
    with unchanged(network):
        network.train()
        few, more = (_kept_bytes(network, loss, probe(size)) for size in (4, 8))
    sample_bytes = max(1, round(_PEAK * (more - few) / 4))
    weights = sum(parameter.numel() * parameter.element_size() for parameter in network.parameters())
    states = optimizer_copies(config)
    # Weights, gradients and kept best, the optimiser, and what of the kept bytes doesn't grow with the batch.
    fixed_bytes = _ALLOCATOR + weights * (3 + states) + max(0, round(_PEAK * (few - (more - few))))
    bound = config.memory * _GB
    fitting = [size for size in _powers_of_two(lower, upper) if fixed_bytes + size * sample_bytes <= bound]
    if not fitting:
        needed = (fixed_bytes + lower * sample_bytes) / _GB
        raise ConfigError(
            f"Training this network takes about {needed:.2g} GB at a batch size of {lower}, more than --memory "
            f"{config.memory:g}. Raise --memory, or take a smaller network or a shorter context."
        )
    size = fitting[-1]
    peak = (fixed_bytes + size * sample_bytes) / _GB
    why = f"the largest power of two up to {upper}" if size * 2 > upper else "the largest power of two that fits"
    return BatchSizeChoice(
        size, sample_bytes, fixed_bytes, f"{why}; training takes about {peak:.2g} of {config.memory:g} GB"
    )


def _powers_of_two(lower: int, upper: int) -> list[int]:
    sizes = [2**power for power in range(upper.bit_length()) if lower <= 2**power <= upper]
    # No power of two between, for instance with fewer samples than `lower`: the upper end is the only choice left.
    return sizes or [upper]


def _kept_bytes(network: nn.Module, loss: Callable[[nn.Module, Any], Tensor], batch: Any) -> int:
    """Bytes that the forward pass keeps for the backward pass, and the batch; shared storage counts once."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    for _, tensor in named_tensors(batch):
        keep(tensor)
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        value = loss(network, batch)
    for parameter in network.parameters():
        kept.pop(parameter.untyped_storage().data_ptr(), None)
    del value
    return sum(kept.values())
