from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from recurra.blocks import Composition, Embedding
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
        tables: dict[str, nn.Embedding] = {}
        self.chains = nn.ModuleDict()
        for branch in composition.branches:
            sizes = [widths[name] for name in branch.takes]
            size = sum(sizes) if branch.join == "concatenate" else sizes[0]
            modules: list[nn.Module] = []
            for block in branch.blocks:
                modules.append(build(block, size, tables=tables))
                size = block.width(size)
            if branch.blocks and isinstance(branch.blocks[0], Embedding):
                tables[branch.name] = modules[0].tables[0]  # pyright: ignore[reportArgumentType, reportIndexIssue]
            self.chains[branch.name] = nn.ModuleList(modules)
            widths[branch.name] = size

    def forward(self, inputs: Mapping[str, Tensor], *, lengths: Tensor | None = None) -> dict[str, Tensor]:
        """Every branch's output over whole sequences, by name; `lengths` (B,) counts the steps of each row."""
        return self.run(inputs, None, lengths=lengths)[0]

    def compute(
        self, names: tuple[str, ...], inputs: Mapping[str, Tensor], *, lengths: Tensor | None = None
    ) -> dict[str, Tensor]:
        """The values of some branches over whole sequences, and of nothing that they don't need."""
        values = self.run(inputs, None, lengths=lengths, names=names)[0]
        return {name: values[name] for name in names}

    def run(
        self,
        inputs: Mapping[str, Tensor],
        state: NetworkState | None,
        *,
        lengths: Tensor | None = None,
        names: tuple[str, ...] = (),
    ) -> tuple[dict[str, Tensor], NetworkState]:
        """Go on from `state` (None: from the start) over any steps; every branch's output and the new state.

        With `names`, only of these branches and those that they depend on.
        """
        values = dict(inputs)
        after: NetworkState = {}
        branches = self.composition.needed(names, given=frozenset(inputs)) if names else self.composition.branches
        for branch in branches:
            if branch.name in values:
                continue
            x = join([values[name] for name in branch.takes], branch.join)
            for position, module in enumerate(self.chains[branch.name].children()):
                options = {"lengths": lengths} if lengths is not None and _has(module, "takes_lengths") else {}
                if _has(module, "keeps_state"):
                    before = None if state is None else state[branch.name][str(position)]
                    x, after.setdefault(branch.name, {})[str(position)] = module(x, before, **options)
                else:
                    x = module(x, **options)
            values[branch.name] = x
        return values, after


def _has(module: nn.Module, what: str) -> bool:
    """Whether a module says that it keeps a state between calls, or wants the lengths of rows."""
    return isinstance(module, nn.RNNBase) or getattr(module, what, False)


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
