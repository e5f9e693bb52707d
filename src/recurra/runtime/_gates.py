"""The equations of `recurra.reference` in numpy, for one sequence: slow, and every gate can be seen and held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from recurra.blocks import Branch, Recurrent
from recurra.errors import ConfigError
from recurra.runtime._lowering import CELLS, Weights
from recurra.runtime._places import FIELDS
from recurra.runtime._session import Trace

Hold = Mapping[str, float]
_CANDIDATES = frozenset("gna")  # by tanh, all others by sigmoid
GATES = {"rnn": ("a",), "lstm": ("i", "f", "g", "o"), "gru": ("r", "z", "n")}
assert GATES.keys() == CELLS.keys()


def trace_stack(
    block: Recurrent,
    weights: Weights,
    name: str,
    branch: str,
    x: np.ndarray,
    state: np.ndarray | None,
    hold: Hold,
    *,
    first: int = 0,
) -> tuple[np.ndarray, list[Trace]]:
    """The output (T, H) of a recurrent block for x (T, F), and a trace of each layer; `state` are its numbers, None: 0.

    Layers are counted from `first`, the number of those that lie before the block in its branch.
    """
    traces: list[Trace] = []
    fields = FIELDS[block.cell]
    for layer in range(block.num_layers):
        outputs = []
        for reverse in (False, True) if block.bidirectional else (False,):
            suffix = f"_l{layer}" + ("_reverse" if reverse else "")
            h = c = np.zeros(block.hidden_size, dtype=np.float32)
            if state is not None:
                own = state[layer * fields * block.hidden_size :][: fields * block.hidden_size]
                h, c = own[: block.hidden_size], own[-block.hidden_size :]
            held = {gate: _held(hold, branch, first + layer, gate) for gate in GATES[block.cell]}
            trace = _trace(block.cell, weights, f"{name}.", suffix, x[::-1] if reverse else x, h, c, held)
            values, hidden, memory = (part if part is None or not reverse else part[::-1] for part in trace)
            assert values is not None and hidden is not None
            cell = block.cell + (" reverse" if reverse else "")
            traces.append(Trace(branch, first + layer, cell, GATES[block.cell], values, hidden, memory))
            outputs.append(hidden)
        x = np.concatenate(outputs, axis=1)
    return x, traces


def _trace(
    cell: str,
    weights: Weights,
    name: str,
    suffix: str,
    x: np.ndarray,
    h: np.ndarray,
    c: np.ndarray,
    held: dict[str, float | None],
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Gates (T, G, H), h (T, H) and c (T, H) of one layer."""
    w_ih, w_hh, b_ih, b_hh = (
        weights.array(f"{name}{part}{suffix}") for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    count = len(GATES[cell])
    gates = np.empty((len(x), count, len(h)), dtype=np.float32)
    hidden = np.empty((len(x), len(h)), dtype=np.float32)
    memory = np.empty_like(hidden) if cell == "lstm" else None

    def hold(letter: str, value: np.ndarray) -> np.ndarray:
        fixed = held[letter]
        return value if fixed is None else np.full_like(value, fixed)

    for t, step in enumerate(x):
        given = (w_ih @ step + b_ih).reshape(count, -1)
        kept = (w_hh @ h + b_hh).reshape(count, -1)
        if cell == "rnn":
            h = hold("a", np.tanh(given[0] + kept[0]))
            gates[t] = h
        elif cell == "lstm":
            i, f, g, o = given + kept
            i, f, o = hold("i", _sigmoid(i)), hold("f", _sigmoid(f)), hold("o", _sigmoid(o))
            g = hold("g", np.tanh(g))
            c = f * c + i * g
            h = o * np.tanh(c)
            gates[t] = i, f, g, o
            assert memory is not None
            memory[t] = c
        else:
            r = hold("r", _sigmoid(given[0] + kept[0]))
            z = hold("z", _sigmoid(given[1] + kept[1]))
            n = hold("n", np.tanh(given[2] + r * kept[2]))
            h = (1 - z) * n + z * h
            gates[t] = r, z, n
        hidden[t] = h
    return gates, hidden, memory


def _held(hold: Hold, branch: str, layer: int, gate: str) -> float | None:
    return hold.get(f"{branch}.{layer}.{gate}", hold.get(gate))


def check_hold(hold: Hold, branches: Iterable[Branch]) -> None:
    """ConfigError for a `hold` of a gate that none of the branches has, or at a value that it can't take."""
    known: dict[str, None] = {}
    for branch in branches:
        blocks = [block for block in branch.blocks if isinstance(block, Recurrent)]
        cells = [block.cell for block in blocks for _ in range(block.num_layers)]
        for layer, cell in enumerate(cells):
            known |= dict.fromkeys(name for gate in GATES[cell] for name in (gate, f"{branch.name}.{layer}.{gate}"))
    if not isinstance(hold, Mapping):
        raise ConfigError(f"hold={hold!r}: expected gates and their values. Write {{{next(iter(known), 'z')!r}: 0.0}}.")
    for name, value in hold.items():
        if name not in known:
            raise ConfigError(f"hold names {name!r}; the gates of this network are {', '.join(known) or 'none'}.")
        least = -1 if name[-1] in _CANDIDATES else 0
        is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        if not is_number or not least <= value <= 1:
            raise ConfigError(f"hold has {name!r} at {value!r}; expected a number from {least} to 1, as it takes.")


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return (0.5 * (1 + np.tanh(0.5 * x))).astype(np.float32)
