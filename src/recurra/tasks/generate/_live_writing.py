"""Reading text piece by piece, and writing on from there, without torch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recurra.data.text import Encoder
from recurra.errors import ConfigError
from recurra.runtime import Network, Piece, generate_codes


@dataclass(eq=False)
class Place:
    """Where a text stands: the network's state, and what it says of the next code, (V,) scores."""

    answer: np.ndarray
    state: Any

    def copy(self) -> Place:
        """A place that goes its own way."""
        return Place(self.answer.copy(), self.state.copy())


class Writer:
    """A language model's network and vocabulary; `begin` is the code that every text is said to follow."""

    def __init__(self, network: Network, encoder: Encoder, begin: int) -> None:
        self.encoder = encoder
        self._network, self._begin = network, begin
        self._program = network.compiled({next(iter(network.composition.inputs)): (1,)}, step=True).program

    def begin(self) -> Place:
        """Before any text."""
        state = self._network.begin()
        return Place(self._step(self._begin, state), state)

    def read(self, place: Place, piece: str) -> Piece:
        """Go on by a piece of text."""
        code = self.code(piece)
        bits = -log2_shares(place.answer)[code]
        place.answer = self._step(code, place.state)
        return Piece(piece, float(bits))

    def code(self, piece: str) -> int:
        """The code of a piece, 0 for an unknown one."""
        return int(self.encoder.encode((piece,))["words"][0, 0])

    def piece(self, code: int) -> str:
        """The piece of a code."""
        return self.encoder.words.piece(code)

    def write(
        self,
        place: Place,
        steps: int,
        *,
        temperature: float = 1.0,
        seed: int | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: str | Sequence[str] | None = None,
    ) -> Iterator[Piece]:
        """Go on by up to `steps` pieces of its own, each given as soon as it is drawn, never an unknown one.

        It ends before one of the strings `stop`; what may become one is held back meanwhile. The place has moved past
        all that was drawn. See `recurra.runtime.generate_codes` for the other options.
        """
        _check(steps, temperature, top_k, top_p)
        stops = _stops(stop)
        drawn = generate_codes(
            self._program,
            place.answer,
            place.state,
            steps=steps,
            temperature=temperature,
            top_k=top_k or 0,
            top_p=1.0 if top_p is None else top_p,
            seed=seed,
            barred=(0,),
        )
        pieces = (Piece(self.piece(code), bits) for code, bits in drawn)
        return _until(pieces, stops) if stops else pieces

    def _step(self, code: int, state: Any) -> np.ndarray:
        return self._program.step(np.array([[code]], np.float32), state)


def log2_shares(scores: np.ndarray) -> np.ndarray:
    """Scores as logarithms of probabilities to base 2, float64."""
    wide = scores.astype(np.float64)
    wide -= wide.max()
    return (wide - np.log(np.exp(wide).sum())) / math.log(2)


def _check(steps: int, temperature: float, top_k: int | None, top_p: float | None) -> None:
    complaint = None
    if not isinstance(steps, int) or steps < 0:
        complaint = f"length is {steps}: expected a number of pieces, such as 500"
    elif not 0 <= temperature <= 1e6:
        complaint = f"temperature is {temperature}: expected a number from 0 up, such as 0.8"
    elif top_k is not None and top_k < 1:
        complaint = f"top_k is {top_k}: expected a whole number from 1 up, or nothing to draw from all pieces"
    elif top_p is not None and not 0 < top_p <= 1:
        complaint = f"top_p is {top_p}: expected a share above 0 and up to 1, or nothing to draw from all pieces"
    if complaint:
        raise ConfigError(f"{complaint}.")


def _stops(stop: str | Sequence[str] | None) -> tuple[str, ...]:
    found = (stop,) if isinstance(stop, str) else tuple(stop or ())
    if not all(isinstance(each, str) and each for each in found):
        raise ConfigError(f"stop is {stop!r}: expected text to stop at, such as a blank line, or several.")
    return found


def _until(pieces: Iterator[Piece], stops: Sequence[str]) -> Iterator[Piece]:
    """Pieces up to where one of `stops` was written."""
    held: list[Piece] = []
    for piece in pieces:
        held.append(piece)
        text = "".join(each.text for each in held)
        ends = [at for stop in stops if (at := text.find(stop)) >= 0]
        if ends:
            yield from _first(held, min(ends))
            return
        sure = len(text) - max((_overlap(text, stop) for stop in stops), default=0)
        while held and len(held[0].text) <= sure:
            sure -= len(held[0].text)
            yield held.pop(0)
    yield from held


def _first(pieces: Sequence[Piece], characters: int) -> Iterator[Piece]:
    for piece in pieces:
        if characters <= 0:
            return
        yield piece._replace(text=piece.text[:characters])
        characters -= len(piece.text)


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of `text` begin `stop`."""
    return next((size for size in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:size])), 0)
