from __future__ import annotations

import numpy as np

from recurra import blocks
from recurra.blocks import Composition
from recurra.export._layout import Layout

Arrays = dict[str, np.ndarray]


def sample(layout: Layout, *, batch: int, longer: int, seed: int) -> Arrays:
    """Random inputs that the network takes; `longer` lengthens what isn't fixed."""
    draw = np.random.default_rng(seed)
    kinds = _kinds(layout.composition)
    inputs: Arrays = {}
    for given in layout.inputs:
        unit = given.multiple_of
        steps = given.steps or unit * (-(-4 // unit) + longer)
        between = [steps, *(2,) * (given.rank - 3)] if given.rank > 2 else []
        shape = (batch, *between, given.width)
        if given.codes is not None:
            inputs[given.name] = draw.integers(0, given.codes, shape)
            continue
        parts = np.split(draw.normal(size=shape).astype(np.float32), len(kinds[given.name]), axis=-1)
        made = [_MAKERS[kind](part) for kind, part in zip(kinds[given.name], parts, strict=True)]
        inputs[given.name] = np.concatenate(made, axis=-1, dtype=np.float32)
    return inputs


_MAKERS = {"any": lambda x: x, "flag": lambda x: x > 0, "positive": lambda x: np.abs(x) + np.float32(0.1)}
_SEEN = ("any", "flag", "positive")  # what a level or a spread takes: values, whether they were observed, scales


def _kinds(composition: Composition) -> dict[str, tuple[str, ...]]:
    """What kind of number each equal part of an input holds; a scale, as what is divided by, isn't zero."""
    kinds: dict[str, tuple[str, ...]] = {
        name: ("any",) for name in (*composition.inputs, *(branch.name for branch in composition.branches))
    }
    for branch in reversed(composition.branches):
        if branch.join == "divide":
            kinds |= dict.fromkeys(branch.takes[1:], ("positive",))
        first = branch.blocks[0] if branch.blocks else None
        if isinstance(first, blocks.Level | blocks.Spread):
            parts = _SEEN[: 2 if isinstance(first, blocks.Level) else 3]
            alone = len(branch.takes) == 1
            kinds |= {branch.takes[0]: parts} if alone else {n: (k,) for n, k in zip(branch.takes, parts, strict=False)}
        elif first is None and len(branch.takes) == 1 and kinds[branch.name] != ("any",):
            kinds[branch.takes[0]] = kinds[branch.name]
    return kinds
