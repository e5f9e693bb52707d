from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, model_validator
from torch import Tensor, nn

from recurra.nn._blocks import AnyBlock, Recurrent

NetworkState = dict[str, dict[str, Any]]  # branch -> position of a block in its chain -> that block's state


class Branch(BaseModel):
    """A named chain of blocks and where its input comes from.

    `takes` names inputs of the network or earlier branches. Several are joined: "concatenate" on the feature axis (one
    without a time axis, or with a single step, is repeated over time), or elementwise from left to right (one with
    fewer axes gets trailing axes of length 1).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    takes: tuple[str, ...]
    join: Literal["concatenate", "add", "subtract", "multiply", "divide"] = "concatenate"
    blocks: tuple[AnyBlock, ...] = ()


class Composition(BaseModel):
    """A network as data: branches in the order they are computed; the last one is the output."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: dict[str, int]  # name -> numbers on the last axis
    branches: tuple[Branch, ...]

    @model_validator(mode="after")
    def _names_are_known(self) -> Composition:
        known = set(self.inputs)
        for branch in self.branches:
            missing = [name for name in branch.takes if name not in known]
            if missing or not branch.takes or branch.name in known:
                raise ValueError(f"branch {branch.name!r} takes {branch.takes}; known before it: {sorted(known)}")
            known.add(branch.name)
        return self

    def needed(self, names: tuple[str, ...] = (), *, given: frozenset[str] = frozenset()) -> tuple[Branch, ...]:
        """The branches that `names` (default: the output) depend on, in order, when those of `given` are at hand."""
        wanted = set(names or (self.branches[-1].name,))
        for branch in reversed(self.branches):
            if branch.name in wanted and branch.name not in given:
                wanted |= set(branch.takes)
        return tuple(branch for branch in self.branches if branch.name in wanted and branch.name not in given)

    def obstacles(self, *, given: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """The blocks that keep the network from running one step at a time, as "branch: kind"; none if it streams."""
        return tuple(
            f"{branch.name}: {block.kind}"
            for branch in self.needed(given=given)
            for block in branch.blocks
            if not block.causal
        )


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
                modules.append(block.build(size))
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
