from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from recurra.data.text import Feed
from recurra.errors import DataError
from recurra.runtime import LOOKED_AT, Inside, Piece, Session, in_a_row, seal
from recurra.tasks.generate._live_writing import Place

if TYPE_CHECKING:
    from recurra.tasks.generate._live import LiveGenerator


@dataclass(frozen=True)
class Reading:
    """What a push says: what its pieces cost, and what may come next."""

    surprise: tuple[Piece, ...]  # pieces that this push completed
    open: tuple[Piece, ...]  # those of the open end, which later text may change
    next: tuple[tuple[str, float], ...]  # the likeliest pieces after all of it, with their probabilities


class GenerateSession(Session):
    """A text that a language model reads as it is typed, and can write on."""

    def __init__(self, model: LiveGenerator, place: Place, feed: Feed, steps: int) -> None:
        self.model: LiveGenerator = model  # pyright: ignore[reportIncompatibleVariableOverride]
        self.place = place
        self.feed = feed
        self.steps = steps

    def push(self, x: Any) -> Reading:
        """Read more text, a string or {"text": ...}, in chunks as they come, and say what may come next."""
        surprise = self._enter(x)
        ahead, tail = self.place, self.feed.tail()
        if tail:
            ahead = self.place.copy()
        costs = tuple(self.model.writer.read(ahead, piece) for piece in tail)
        return Reading(surprise, costs, self.model.likeliest(ahead.answer))

    def observe(self, x: Any) -> None:
        """Read more text without an answer."""
        self._enter(x)

    def write(
        self,
        steps: int,
        *,
        temperature: float = 1.0,
        seed: int | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: str | Sequence[str] | None = None,
    ) -> Iterator[Piece]:
        """Write up to `steps` pieces on, each as soon as it is drawn, with its bits; see `Writer.write`."""
        self._close()
        options: dict[str, Any] = {"temperature": temperature, "seed": seed, "top_k": top_k, "top_p": top_p}
        return self._counted(self.model.writer.write(self.place, steps, stop=stop, **options))

    def generate(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        steps: int,
        *,
        temperature: float = 1.0,
        seed: int | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: str | Sequence[str] | None = None,
    ) -> Iterator[str]:
        """The same without the bits."""
        options: dict[str, Any] = {"temperature": temperature, "seed": seed, "top_k": top_k, "top_p": top_p}
        return (piece.text for piece in self.write(steps, stop=stop, **options))

    def state(self) -> bytes:
        """The network's numbers, what they say of the next piece, and the open end of the text."""
        numbers = np.empty(self.place.state.size, dtype=np.float32)
        self.place.state.read(numbers)
        about = {"steps": self.steps, "feed": self.feed.state()}
        arrays = b"".join(array.astype("<f4").tobytes() for array in (numbers, self.place.answer))
        return seal(self.model.fingerprint, json.dumps(about).encode() + b"\0" + arrays)

    def fork(self) -> Self:
        """A session that stands where this one does and goes its own way."""
        feed = Feed(self.feed.tokeniser, **self.feed.state())
        return type(self)(self.model, self.place.copy(), feed, self.steps)

    def reset(self) -> None:
        """Back to before any text."""
        self.place = self.model.writer.begin()
        self.feed, self.steps = Feed(self.feed.tokeniser), 0

    def inside(self, x: Any = None, *, hold: Mapping[str, float] | None = None) -> Inside:
        """What a push of `x` would say, with what every piece of it did."""
        if x is None:
            raise DataError("Give the text to look at: the session keeps what it became, not what it has read.")
        text = self.model.read(x)
        session = self.fork()
        complete, tail = session.feed.push(text), session.feed.tail()
        pieces = [*complete, *tail]
        skipped = max(0, len(pieces) - LOOKED_AT)
        scores, costs, traces = session.place.answer, [], []
        for at, piece in enumerate(pieces):
            if at >= skipped:
                scores, seen = self.model.look_inside(piece, session.place, hold)
                traces.append(seen)
            costs.append(self.model.writer.read(session.place, piece))
        answer = Reading(tuple(costs[: len(complete)]), tuple(costs[len(complete) :]), self.model.likeliest(scores))
        return Inside(answer, in_a_row(traces), tuple(pieces[skipped:]), len(tail))

    def _enter(self, x: Any) -> tuple[Piece, ...]:
        pieces = self.feed.push(self.model.read(x))
        self.steps += 1
        return tuple(self.model.writer.read(self.place, piece) for piece in pieces)

    def _counted(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            self.steps += 1
            yield piece

    def _close(self) -> None:
        """The open end of the text is what it is: what is written comes after it."""
        for piece in self.feed.tail():
            self.model.writer.read(self.place, piece)
        self.feed = Feed(self.feed.tokeniser)
