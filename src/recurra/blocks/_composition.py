from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from recurra.blocks._blocks import AnyBlock, Embedding, Last, Pool, TiedLinear


class Branch(BaseModel):
    """A named chain of blocks and where its input comes from.

    `takes` names inputs of the network or earlier branches. Several are joined: "concatenate" on the feature axis (one
    without a time axis, or with a single step, is repeated over time; where it is of the whole sequence, the network
    can't stream), or elementwise from left to right (one with
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

    @model_validator(mode="after")
    def _axes_are_alike(self) -> Composition:
        for branch in self.branches:
            if branch.join != "concatenate" and {self.has_time(name) for name in branch.takes} >= {True, False}:
                raise ValueError(
                    f"branch {branch.name!r} would {branch.join} the numbers of each step and those of a whole "
                    "sequence, whose axes differ; concatenate them"
                )
        return self

    def needed(self, names: tuple[str, ...] = (), *, given: frozenset[str] = frozenset()) -> tuple[Branch, ...]:
        """The branches that `names` (default: the output) depend on, in order, when those of `given` are at hand."""
        wanted = set(names or (self.branches[-1].name,))
        for branch in reversed(self.branches):
            if branch.name in wanted and branch.name not in given:
                wanted |= set(branch.takes)
        return tuple(branch for branch in self.branches if branch.name in wanted and branch.name not in given)

    def has_time(self, name: str, end: int | None = None) -> bool | None:
        """Whether a branch, or what goes into its block `end`, has numbers for each step; None if an input decides."""
        if end is None or name not in self._timed:
            return self._timed.get(name)
        (branch,) = (branch for branch in self.branches if branch.name == name)
        return _has_time(branch, end, self._timed)

    @cached_property
    def _timed(self) -> dict[str, bool | None]:
        known: dict[str, bool | None] = {}
        for branch in self.branches:
            known[branch.name] = _has_time(branch, len(branch.blocks), known)
        return known

    def obstacles(self, names: tuple[str, ...] = (), *, given: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """What keeps the output, or the branches `names`, from coming step by step, as "branch: kind"; maybe none.

        A block that isn't causal does; and a join of what is of the whole sequence with what has steps, since the
        earlier of these would know the later. Inputs count as having steps there.
        """
        found: list[str] = []
        for branch in self.needed(names, given=given):
            joined = {self.has_time(name) is not False for name in branch.takes if name not in given}
            found += [f"{branch.name}: join"] * (len(joined) > 1)
            found += [f"{branch.name}: {block.kind}" for block in branch.blocks if not block.causal]
        return tuple(found)


def _has_time(branch: Branch, end: int, known: Mapping[str, bool | None]) -> bool | None:
    """Whether what goes into block `end` of a branch has numbers for each step, by what is known of others."""
    for block in reversed(branch.blocks[:end]):
        if isinstance(block, Last | Pool):
            return False
        if "time" in block.gives:
            return True
    found = {known.get(name) for name in branch.takes}
    return True if True in found else None if None in found else False
