from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from recurra.blocks._blocks import AnyBlock, Embedding, TiedLinear


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
        tables: dict[str, Embedding] = {}
        for branch in self.branches:
            missing = [name for name in branch.takes if name not in known]
            if missing or not branch.takes or branch.name in known:
                raise ValueError(f"branch {branch.name!r} takes {branch.takes}; known before it: {sorted(known)}")
            known.add(branch.name)
            for block in branch.blocks:
                if isinstance(block, TiedLinear) and (
                    block.branch not in tables or tables[block.branch].categories != (block.categories,)
                ):
                    raise ValueError(
                        f"branch {branch.name!r} is tied to {block.branch!r}, which is no earlier branch that begins "
                        f"with an embedding of one column of {block.categories} categories"
                    )
            if branch.blocks and isinstance(branch.blocks[0], Embedding):
                tables[branch.name] = branch.blocks[0]
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
