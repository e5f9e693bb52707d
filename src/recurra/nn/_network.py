from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from recurra.blocks import Composition, Recurrent
from recurra.nn._modules import build

NetworkState = dict[str, dict[str, Any]]  # branch -> position of a block in its chain -> that block's state


class Network(nn.Module):
    """A composition, built.

    Holds parameters and nothing else: the state of a sequence goes in and comes out. A branch whose value is among the
    inputs is not computed, so that what was worked out once (the level of a window) can be held fixed while stepping.
    """

    def __init__(self, composition: Composition) -> None:
        super().__init__()
        self.composition = composition
        widths = dict(composition.inputs)
        self.chains = nn.ModuleDict()
        for branch in composition.branches:
            sizes = [widths[name] for name in branch.takes]
            size = sum(sizes) if branch.join == "concatenate" else sizes[0]
            modules: list[nn.Module] = []
            for block in branch.blocks:
                modules.append(build(block, size))
                size = block.width(size)
            self.chains[branch.name] = nn.ModuleList(modules)
            widths[branch.name] = size

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Every branch's output over whole sequences, by name."""
        return self.run(inputs, None)[0]

    def compute(self, names: tuple[str, ...], inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The values of some branches whose blocks keep no state, and of nothing that they don't need."""
        values = dict(inputs)
        for branch in self.composition.needed(names):
            x = join([values[name] for name in branch.takes], branch.join)
            for module in self.chains[branch.name].children():
                x = module(x)
            values[branch.name] = x
        return {name: values[name] for name in names}

    def run(self, inputs: Mapping[str, Tensor], state: NetworkState | None) -> tuple[dict[str, Tensor], NetworkState]:
        """Go on from `state` (None: from the start) over any steps; every branch's output and the new state."""
        values = dict(inputs)
        after: NetworkState = {}
        for branch in self.composition.branches:
            if branch.name in values:
                continue
            x = join([values[name] for name in branch.takes], branch.join)
            for position, (block, module) in enumerate(
                zip(branch.blocks, self.chains[branch.name].children(), strict=True)
            ):
                if isinstance(block, Recurrent):
                    before = None if state is None else state[branch.name][str(position)]
                    x, after.setdefault(branch.name, {})[str(position)] = module(x, before)
                else:
                    x = module(x)
            values[branch.name] = x
        return values, after


def join(tensors: list[Tensor], how: str) -> Tensor:
    """Join the inputs of a branch; see `Branch`."""
    if len(tensors) == 1:
        return tensors[0]
    if how == "concatenate":
        time = max((t.shape[1] for t in tensors if t.dim() == 3), default=None)
        if time is not None:
            tensors = [(t if t.dim() == 3 else t[:, None]).expand(-1, time, -1) for t in tensors]
        return torch.cat(tensors, dim=-1)
    result = tensors[0]
    for other in tensors[1:]:
        other = other.reshape(other.shape + (1,) * (result.dim() - other.dim()))
        if how == "add":
            result = result + other
        elif how == "subtract":
            result = result - other
        elif how == "multiply":
            result = result * other
        else:
            result = result / other
    return result
