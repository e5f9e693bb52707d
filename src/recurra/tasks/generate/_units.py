"""Single units of the last layer that turned out to follow something with a name (Karpathy et al., 2015)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_FEWEST = 0.3  # correlation that is worth showing
_MOST_UNITS = 5
_OPEN, _CLOSE = "([{（《“", ")]}）》”"
_ENDS = ".!?。！？"


@dataclass(frozen=True, eq=False)
class Unit:
    """A unit and what it follows."""

    number: int
    follows: str
    correlation: float
    values: np.ndarray  # (N,) its activations


def find_units(pieces: Sequence[str], hidden: np.ndarray) -> list[Unit]:
    """The units of activations (N, H) that correlate best with simple properties of the text of N pieces."""
    centred = hidden - hidden.mean(0)
    spread = np.sqrt((centred**2).mean(0)) + 1e-9
    found: list[Unit] = []
    for follows, values in properties(pieces).items():
        own = values - values.mean()
        if not own.any():
            continue
        correlation = (own @ centred) / len(own) / (spread * np.sqrt((own**2).mean()))
        best = int(np.abs(correlation).argmax())
        found.append(Unit(best, follows, float(correlation[best]), hidden[:, best]))
    found.sort(key=lambda unit: -abs(unit.correlation))
    chosen: list[Unit] = []
    for unit in found:
        if abs(unit.correlation) >= _FEWEST and unit.number not in {other.number for other in chosen}:
            chosen.append(unit)
    return chosen[:_MOST_UNITS]


def properties(pieces: Sequence[str]) -> dict[str, np.ndarray]:
    """What can be said of each place in a text after its piece, by name, (N,) each."""
    in_line, in_word, depth, quoted, in_sentence = [], [], [], [], []
    since_line = since_space = since_end = 0
    brackets, quotes = 0, False
    for piece in pieces:
        for char in piece:
            since_line = 0 if char == "\n" else since_line + 1
            since_space = 0 if char.isspace() else since_space + 1
            since_end = 0 if char in _ENDS else since_end + 1
            brackets = 0 if char == "\n" else max(brackets + (char in _OPEN) - (char in _CLOSE), 0)
            quotes = False if char == "\n" else quotes != (char == '"')
        in_line.append(min(since_line, 200))
        in_word.append(min(since_space, 20))
        in_sentence.append(min(since_end, 200))
        depth.append(brackets > 0)
        quoted.append(quotes)
    following = [piece.lstrip()[:1] for piece in (*pieces[1:], "")]
    return {
        "how far into the line it is": np.array(in_line, float),
        "how far into the word it is": np.array(in_word, float),
        "how far into the sentence it is": np.array(in_sentence, float),
        "being inside brackets": np.array(depth, float),
        "being inside quotation marks": np.array(quoted, float),
        "a capital that comes next": np.array([char.isupper() for char in following], float),
        "a mark that comes next": np.array([bool(char) and not char.isalnum() for char in following], float),
        "a new line that comes next": np.array([piece.endswith("\n") for piece in (*pieces[1:], "")], float),
    }
