from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from recurra.data.text import Encoder, Feed
from recurra.errors import DataError
from recurra.runtime import LOOKED_AT, Inside, Session, in_a_row, seal
from recurra.runtime._native import State

if TYPE_CHECKING:
    from recurra.tasks.classify._live import LiveClassifier

Steps = list[np.ndarray]  # of each input, (T, width) float32


class ClassifySession(Session):
    """A text, or a series of numbers, that a classifier follows.

    The last word of a text may be unfinished: it counts in the answer as it stands, and is read again when more comes.
    """

    model: LiveClassifier

    def __init__(self, model: LiveClassifier) -> None:
        self.model = model  # pyright: ignore[reportIncompatibleVariableOverride]
        self.reset()

    def reset(self) -> None:
        """Back to the beginning."""
        self.numbers = self.model.network.begin()
        self.feed = Feed(self.model.inputs.tokeniser) if isinstance(self.model.inputs, Encoder) else None
        self.steps = self.count = 0
        self.recent: tuple[str, ...] = ()  # the last words, with which runs may begin
        self.last: np.ndarray | None = None  # logits (L,) after the last complete step

    def push(self, x: Any) -> dict[str, Any]:
        """Take in text, or a row of numbers, and say what it is by now."""
        return push_together(self.model, [self], [self.model.read(x)])[0]

    def observe(self, x: Any) -> None:
        """Take in text, or a row of numbers."""
        _advance_sessions(self.model, [self], [take(self, self.model.read(x))[0]])

    def state(self) -> bytes:
        """Its numbers, what is unfinished, and a seal."""
        numbers = np.empty(self.numbers.size, dtype=np.float32)
        self.numbers.read(numbers)
        head: dict[str, Any] = {"steps": self.steps, "count": self.count, "recent": self.recent}
        head |= {"feed": None if self.feed is None else self.feed.state()}
        last = np.zeros(0, np.float32) if self.last is None else self.last
        raw = np.concatenate([numbers, last]).astype("<f4").tobytes()
        return seal(self.model.fingerprint, json.dumps(head).encode() + b"\n" + raw)

    def fork(self) -> Self:
        """A session that stands where this one does and goes its own way."""
        twin = type(self)(self.model)
        twin.numbers, twin.last = self.numbers.copy(), self.last
        twin.steps, twin.count, twin.recent = self.steps, self.count, self.recent
        if self.feed is not None:
            twin.feed = Feed(self.feed.tokeniser, **self.feed.state())
        return twin

    def inside(self, x: Any = None, *, hold: Mapping[str, float] | None = None) -> Inside:
        """What a push would say, with what every word of it did."""
        if x is None:
            raise DataError("Give the push to look at: the session keeps what it became, not what it has read.")
        push = self.model.read(x)
        twin, words = self.fork(), _words(self, push)
        complete, tail = take(twin, push)
        steps = [np.concatenate(parts) for parts in zip(complete, tail, strict=True)]
        logits, unfinished = self.last, len(tail[0])
        if logits is None and not len(steps[0]):
            steps, words, unfinished = _nothing(twin), ("",), 1
        skipped = max(0, len(steps[0]) - LOOKED_AT)
        _advance(self.model, [twin.numbers], [[values[:skipped] for values in steps]])
        traces = []
        for at in range(skipped, len(steps[0])):
            now = [values[at : at + 1] for values in steps]
            inputs = dict(zip(self.model.composition.inputs, now, strict=True))
            outputs, seen = self.model.network.inside(inputs, twin.numbers, hold=hold)
            traces.append(seen)
            logits = next(iter(outputs.values()))[0]
            _advance(self.model, [twin.numbers], [now])
        assert logits is not None
        return Inside(_answer(twin, logits, len(tail[0])), in_a_row(traces), words[skipped:], unfinished)


def push_together(
    model: LiveClassifier, sessions: Sequence[ClassifySession], pushes: Sequence[str | np.ndarray]
) -> list[dict[str, Any]]:
    """Take a push into each session, all of them step by step together, and answer."""
    taken = [take(session, push) for session, push in zip(sessions, pushes, strict=True)]
    _advance_sessions(model, sessions, [complete for complete, _ in taken])
    aside = {
        place: tail if len(tail[0]) else _nothing(sessions[place])
        for place, (_, tail) in enumerate(taken)
        if len(tail[0]) or sessions[place].last is None
    }
    found = _advance(model, [sessions[place].numbers.copy() for place in aside], list(aside.values()))
    logits: list[Any] = [session.last for session in sessions]
    for place, row in zip(aside, found, strict=True):
        logits[place] = row
    return [
        _answer(session, row, len(tail[0])) for session, row, (_, tail) in zip(sessions, logits, taken, strict=True)
    ]


def take(session: ClassifySession, push: str | np.ndarray) -> tuple[Steps, Steps]:
    """Note a push in a session: its steps that are complete, and those that may still change."""
    session.steps += 1
    inputs = session.model.inputs
    if isinstance(push, str):
        assert isinstance(inputs, Encoder) and session.feed is not None
        words = session.feed.push(push)
        session.count += len(words)
        complete = inputs.encode(words, session.recent)
        session.recent = (*session.recent, *words)[-len(inputs.runs) :] if inputs.runs else ()
        return _arrays(session, complete), _arrays(session, inputs.encode(session.feed.tail(), session.recent))
    assert not isinstance(inputs, Encoder)
    session.count += 1
    empty = np.zeros((0, push.shape[1]))
    return _arrays(session, inputs.encode(push)), _arrays(session, inputs.encode(empty))


def unpack(session: ClassifySession, content: bytes) -> None:
    """Put a session where the one stood whose `state` this is. ValueError, KeyError or TypeError for anything else."""
    head, _, raw = content.partition(b"\n")
    known = json.loads(head)
    numbers = np.frombuffer(raw, dtype="<f4").astype(np.float32)
    size, labels = session.numbers.size, len(session.model.answers.labels)
    if numbers.size not in (size, size + labels):
        raise ValueError("another number of numbers")
    session.numbers.write(numbers[:size])
    session.last = numbers[size:] if numbers.size > size else None
    session.steps, session.count = int(known["steps"]), int(known["count"])
    session.recent = tuple(map(str, known["recent"]))
    if session.feed is not None:
        session.feed = Feed(session.feed.tokeniser, **known["feed"])


def _words(session: ClassifySession, push: str | np.ndarray) -> tuple[str, ...]:
    """The words that a push would complete or begin."""
    if session.feed is None or not isinstance(push, str):
        return ()
    feed = Feed(session.feed.tokeniser, **session.feed.state())
    return (*feed.push(push), *feed.tail())


def _arrays(session: ClassifySession, encoded: Mapping[str, np.ndarray]) -> Steps:
    return [np.ascontiguousarray(encoded[name], np.float32) for name in session.model.composition.inputs]


def _nothing(session: ClassifySession) -> Steps:
    """What stands for a text without words, as in whole texts: a single unknown word."""
    assert isinstance(session.model.inputs, Encoder)
    return _arrays(session, session.model.inputs.encode([""]))


def _advance_sessions(model: LiveClassifier, sessions: Sequence[ClassifySession], steps: list[Steps]) -> None:
    for session, logits in zip(sessions, _advance(model, [each.numbers for each in sessions], steps), strict=True):
        session.last = session.last if logits is None else logits


def _advance(model: LiveClassifier, states: list[State], steps: list[Steps]) -> list[Any]:
    """Move each state over its steps, all at once; the logits after the last step of each, None without any."""
    compiled = model.network.compiled({name: (width,) for name, width in model.composition.inputs.items()}, step=True)
    answers: list[Any] = [None] * len(states)
    for at in range(max((len(each[0]) for each in steps), default=0)):
        moving = [place for place, each in enumerate(steps) if at < len(each[0])]
        inputs = [
            np.concatenate([steps[place][name][at : at + 1] for place in moving]) for name in range(len(steps[0]))
        ]
        (logits,) = compiled(inputs, len(moving), [states[place] for place in moving])
        for place, row in zip(moving, logits, strict=True):
            answers[place] = row
    return answers


def _answer(session: ClassifySession, logits: np.ndarray, unfinished: int) -> dict[str, Any]:
    answers = session.model.answers
    found = answers.document(answers.probabilities(logits[None])[0])
    return found | {session.model.counted: session.count + unfinished}
