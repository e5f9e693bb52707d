from __future__ import annotations

import inspect
import keyword
import re

from recurra.blocks import Branch, TiedLinear
from recurra.export._layout import Layout
from recurra.export._torch_blocks import quoted, write

_TAKEN = {"self", "inputs", "state", "after", "x", "torch", "nn", "Tensor", "Network", "max", "tuple", "isinstance"}

_HEAD = '''"""{title}: a network in plain torch, written by {made_by}. It needs nothing but torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Network(nn.Module):
    """Tensors by name in, tensors by name out; README.md says which."""

    def __init__(self) -> None:
        super().__init__()
'''
_WHOLE = '''
    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The outputs for whole windows."""
'''
_STEPS = '''
    def forward(
        self, inputs: dict[str, Tensor], state: dict[str, Tensor] | None = None
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The outputs for any number of steps after `state` (None: from the beginning), and the state after them."""
        state, after = state or {}, {}
'''


def torch_source(layout: Layout, *, title: str, made_by: str) -> tuple[str, dict[str, str]]:
    """The network as the source of a module `Network`, and the name there of each of our parameters.

    Every name in the network is taken for data: what isn't a plain word never reaches the source as code.
    """
    import recurra.export._torch_functions as library

    functions = {name for name, _ in inspect.getmembers(library, inspect.isfunction)}
    names = _identifiers([*layout.composition.inputs, *(b.name for b in layout.composition.branches)], functions)
    modules: list[str] = []
    lines = [f"{names[given.name]} = inputs[{quoted(given.name)}]" for given in layout.inputs]
    used: set[str] = set()
    parameters: dict[str, str] = {}
    for branch in layout.composition.branches:
        target = names[branch.name]
        x = _joined(branch, layout, names, used)
        steps = [("{out}", x)] if len(branch.takes) > 1 or not branch.blocks else []
        x = "x" if steps else x
        for position, block in enumerate(branch.blocks):
            code = write(block, layout.places[branch.name, position], layout.states_of(branch.name, position))
            own = f"{target}_{position}"
            if code.module is not None:
                modules.append(f"self.{own} = {code.module}")
            parameters |= {
                f"chains.{branch.name}.{position}.{ours}": f"{own}{theirs}" for ours, theirs in code.parameters.items()
            }
            used.update(code.functions)
            call = code.call.replace("{self}", f"self.{own}").replace("{x}", x)
            if isinstance(block, TiedLinear):
                call = call.replace("{tied}", f"self.{names[block.branch]}_0[0].weight")
            steps.append((code.target, call))
            x = "x"
        outs = ["x"] * (len(steps) - 1) + [target]
        if len(steps) > 1:
            lines.append("")
        lines += [f"{left.replace('{out}', out)} = {call}" for (left, call), out in zip(steps, outs, strict=True)]
    result = f"{{{', '.join(f'{quoted(name)}: {names[name]}' for name in layout.outputs)}}}"
    lines.append("")
    lines.append(f"return {result}, after" if layout.states else f"return {result}")
    parts = [_HEAD.format(title=re.sub(r"[^\w .-]", "_", title), made_by=made_by)]
    parts += [f"        {line}\n" for line in modules]
    parts += [_STEPS if layout.states else _WHOLE, *(f"        {line}".rstrip() + "\n" for line in lines)]
    parts += [f"\n\n{inspect.getsource(getattr(library, name))}" for name in _in_order(library, used)]
    return "".join(parts), parameters


def _joined(branch: Branch, layout: Layout, names: dict[str, str], used: set[str]) -> str:
    """The joined inputs of a branch as an expression; see `Branch`."""
    if len(branch.takes) == 1:
        return names[branch.takes[0]]
    if branch.join == "concatenate":
        used.add("concatenate")
        return f"concatenate({', '.join(names[name] for name in branch.takes)})"
    operator = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}[branch.join]
    first, *others = branch.takes
    rank, text = layout.ranks[first], names[first]
    for place, name in enumerate(others):
        axes = "".join(", None" for _ in range(rank - layout.ranks[name]))
        text = f"({text})" if place else text
        text += f" {operator} {names[name]}" + (f"[...{axes}]" if axes else "")
        rank = max(rank, layout.ranks[name])
    return text


def _identifiers(names: list[str], taken: set[str]) -> dict[str, str]:
    """A Python name of its own for each name of the network."""
    found: dict[str, str] = {}
    for name in names:
        word = re.sub(r"[^A-Za-z0-9_]", "_", name)
        word = f"_{word}" if not word or word[0].isdigit() else word
        while word in {*found.values(), *taken, *_TAKEN} or keyword.iskeyword(word) or keyword.issoftkeyword(word):
            word += "_"
        found[name] = word
    return found


def _in_order(library: object, used: set[str]) -> list[str]:
    """The used functions as they stand in their file."""
    return [name for name in vars(library) if name in used]
