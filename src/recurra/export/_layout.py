from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from pydantic import ValidationError

from recurra import blocks
from recurra.blocks import Branch, Composition
from recurra.bundle import Bundle
from recurra.errors import BundleError, ConfigError
from recurra.export._steps import SINGLE, StepRelations, Steps, fixed


@dataclass(frozen=True)
class Input:
    """What the exported network is fed under one name."""

    name: str
    width: int
    rank: int  # number of axes: batch, time, width
    codes: int | None  # it holds integers below this; None: it holds numbers
    steps: int | None  # how many there have to be; None: any multiple of `multiple_of`
    multiple_of: int
    like: str  # inputs that say the same have equally many steps


@dataclass(frozen=True)
class StateField:
    """What a block carries from step to step, (layer, batch, hidden).

    Of pooling: a vector, its weight and its highest score; of a random field a score for each label, and whether it
    has begun: one layer of so many numbers.
    """

    name: str
    branch: str
    position: int
    layers: int
    hidden_size: int

    @property
    def following(self) -> str:
        """The name of the state after the last step."""
        return f"next_{self.name}"


@dataclass(frozen=True)
class Place:
    """Where a block stands, and the axes of what it takes."""

    branch: str
    position: int
    rank: int
    width: int


@dataclass(frozen=True)
class Layout:
    """A network as it is exported: the branches that some outputs need, and the axes of every value in it."""

    composition: Composition  # with those branches and inputs alone
    outputs: tuple[str, ...]
    inputs: tuple[Input, ...]
    places: Mapping[tuple[str, int], Place]
    ranks: Mapping[str, int]  # of inputs and branches
    widths: Mapping[str, int]
    states: tuple[StateField, ...]  # none where something wants a whole window
    timed: frozenset[str]  # inputs and branches that have a time axis

    def states_of(self, branch: str, position: int) -> tuple[StateField, ...]:
        """What one block carries: nothing, (h,) or (h, c) of a recurrent one, or its numbers."""
        return tuple(field for field in self.states if (field.branch, field.position) == (branch, position))


def composition_of(bundle: Bundle) -> Composition:
    """The network of a bundle. BundleError where it isn't one of blocks that are known here."""
    try:
        return Composition.model_validate(bundle.manifest.network)
    except ValidationError as error:
        raise BundleError(
            f"{bundle.path} holds no network of blocks that this recurra knows. Upgrade with pip install -U recurra, "
            "or fit the model again."
        ) from error


def lay_out(
    composition: Composition, outputs: tuple[str, ...] = (), *, ranks: Mapping[str, int] | None = None
) -> Layout:
    """Work out what a network takes and gives when `outputs` (names of branches, default the last) are asked for.

    An input has a batch, a time and a feature axis, unless `ranks` says otherwise.
    """
    outputs = outputs or (composition.branches[-1].name,)
    known = [branch.name for branch in composition.branches]
    if unknown := [name for name in outputs if name not in known]:
        raise ConfigError(f"The network has no branch {unknown[0]!r} to give as an output, only {', '.join(known)}.")
    found = composition.needed(outputs)
    tied = [b.branch for branch in found for b in branch.blocks if isinstance(b, blocks.TiedLinear)]
    branches = composition.needed((*outputs, *tied))
    taken = {name for branch in branches for name in branch.takes}
    pruned = Composition(
        inputs={name: width for name, width in composition.inputs.items() if name in taken}, branches=branches
    )
    walk = _walk_until_consistent(pruned, {**dict.fromkeys(pruned.inputs, 3), **(ranks or {})})
    return Layout(
        composition=pruned,
        outputs=outputs,
        inputs=tuple(_describe(name, pruned, walk) for name in pruned.inputs),
        places=walk.places,
        ranks=walk.ranks,
        widths=walk.widths,
        states=() if pruned.obstacles(outputs) else _states(branches, walk.places),
        timed=frozenset(name for name, steps in walk.steps.items() if steps is not None),
    )


class _Conflict(Exception):
    """An input that has to have a single step, for its lengths contradict each other otherwise."""


class _Walk:
    """One way through a network with what is known of each value's axes."""

    def __init__(self, composition: Composition, ranks: Mapping[str, int], single: frozenset[str]) -> None:
        self.relations = StepRelations()
        self.ranks = dict(ranks)
        self.widths = dict(composition.inputs)
        self.places: dict[tuple[str, int], Place] = {}
        self.steps: dict[str, Steps | None] = {
            name: None if ranks[name] < 3 else SINGLE if name in single else (name, Fraction(1))
            for name in composition.inputs
        }
        self._sources = {name: name for name in composition.inputs if name not in single}
        for branch in composition.branches:
            self._enter(branch)

    def _enter(self, branch: Branch) -> None:
        rank, width, steps = self._joined(branch)
        for position, block in enumerate(branch.blocks):
            self.places[branch.name, position] = Place(branch.name, position, rank, width)
            steps = self._after(block, branch, steps)
            rank += {blocks.Last: -1, blocks.Pool: -1, blocks.Unstack: 1}.get(type(block), 0)
            width = block.width(width)
        self.ranks[branch.name], self.widths[branch.name], self.steps[branch.name] = rank, width, steps
        alike = (blocks.Embedding, blocks.Characters, blocks.Linear, blocks.Dropout, blocks.Clip)
        if len(branch.takes) == 1 and all(isinstance(block, alike) for block in branch.blocks):
            self._sources[branch.name] = self._sources.get(branch.takes[0], "")

    def _joined(self, branch: Branch) -> tuple[int, int, Steps | None]:
        if branch.join == "concatenate":
            width = sum(self.widths[name] for name in branch.takes)
            rank = max(self.ranks[name] for name in branch.takes)
        else:
            width, rank = self.widths[branch.takes[0]], self.ranks[branch.takes[0]]
        long: Steps | None = None
        for name in branch.takes:
            steps = self.steps[name]
            if steps is None or steps == SINGLE:
                continue
            if long is not None and not self.relations.equate(long, steps):
                raise _Conflict(next((s for n in reversed(branch.takes) if (s := self._sources.get(n))), ""))
            long = long or steps
        return rank, width, long or next((self.steps[n] for n in branch.takes if self.steps[n]), None)

    def _after(self, block: blocks.AnyBlock, branch: Branch, steps: Steps | None) -> Steps | None:
        """The steps behind `block`; what it demands of those before it is noted."""
        if isinstance(block, blocks.Last | blocks.Pool):
            return None
        if isinstance(block, blocks.Level | blocks.Spread):
            return SINGLE
        if steps is None:
            return None
        if isinstance(block, blocks.Segments | blocks.Steps):
            times = Fraction(block.size) if isinstance(block, blocks.Steps) else Fraction(1, block.size)
            return self.relations.note((steps[0], steps[1] * times))
        demanded = {blocks.Positions: "count", blocks.Horizon: "time", blocks.Gain: "horizon"}.get(type(block))
        if demanded is not None and not self.relations.equate(steps, fixed(getattr(block, demanded))):
            raise ConfigError(f"Branch {branch.name!r} can't be exported: {block.kind} gets too many or too few steps.")
        return fixed(block.horizon) if isinstance(block, blocks.Horizon) else steps


def _walk_until_consistent(composition: Composition, ranks: Mapping[str, int]) -> _Walk:
    single: frozenset[str] = frozenset()
    while True:
        try:
            return _Walk(composition, ranks, single)
        except _Conflict as conflict:
            name = str(conflict)
            if not name:
                raise ConfigError("The network joins values of different lengths, so it can't be exported.") from None
            single |= {name}


def _describe(name: str, composition: Composition, walk: _Walk) -> Input:
    steps = walk.steps[name] or SINGLE
    return Input(
        name=name,
        width=composition.inputs[name],
        rank=walk.ranks[name],
        codes=_codes(name, composition),
        steps=walk.relations.known(steps),
        multiple_of=walk.relations.unit(steps),
        like="{} {}".format(*walk.relations.resolve(steps)),
    )


def _codes(name: str, composition: Composition) -> int | None:
    """The smallest number of codes that a block knows of this input's columns; None if none reads it as codes."""
    found: list[int] = []
    for branch in composition.branches:
        if name not in branch.takes:
            continue
        if not branch.blocks:
            found += [count for count in [_codes(branch.name, composition)] if count is not None]
        elif isinstance(first := branch.blocks[0], blocks.Embedding):
            found.append(min(first.categories))
        elif isinstance(first, blocks.Characters):
            found.append(first.categories)
    return min(found, default=None)


def _states(branches: tuple[Branch, ...], places: Mapping[tuple[str, int], Place]) -> tuple[StateField, ...]:
    found: list[StateField] = []
    for branch in branches:
        for position, block in enumerate(branch.blocks):
            where = (branch.name, position)
            name = f"{branch.name}_{position}"
            if isinstance(block, blocks.Recurrent):
                letters = "hc" if block.cell == "lstm" else "h"
                found += [StateField(f"{h}_{name}", *where, block.num_layers, block.hidden_size) for h in letters]
            elif isinstance(block, blocks.Pool):
                found.append(StateField(f"pool_{name}", *where, 1, places[where].width + 2))
            elif isinstance(block, blocks.Crf):
                found.append(StateField(f"paths_{name}", *where, 1, places[where].width + 1))
    return tuple(found)
