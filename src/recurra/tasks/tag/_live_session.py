"""Text that a tagger follows: each word gets its tag as soon as nothing can change the word."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from recurra.data.text import Feed
from recurra.errors import DataError
from recurra.runtime import LOOKED_AT, Inside, Session, Trace, in_a_row, seal
from recurra.tasks.tag._live_decoding import best_paths
from recurra.tasks.tag._live_state import RECENT, Read, pack, unpack

if TYPE_CHECKING:
    from recurra.tasks.tag._live import LiveTagger


class TagSession(Session):
    """A text that a tagger follows, chunk by chunk; a line is a sentence.

    A push answers with `words`, those it completed, each with the tag it has on the best path so far; and with
    `recent`, the best path through the last 32 words of the line, in the light of all that came since; `open` words at
    its end are incomplete.
    """

    def __init__(self, model: LiveTagger) -> None:
        self.model: LiveTagger = model  # pyright: ignore[reportIncompatibleVariableOverride]
        self.reset()

    def push(self, x: Any) -> dict[str, Any]:
        """Take in the next chunk of text."""
        return push_together(self.model, [self], [self.model.read(x)])[0]

    def state(self) -> bytes:
        """Everything that the next answer depends on."""
        return seal(self.model.fingerprint, pack(self))

    def fork(self) -> Self:
        """A session that stands where this one does and goes its own way."""
        other = type(self)(self.model)
        unpack(other, pack(self))
        return other

    def reset(self) -> None:
        """Back to the beginning of a text."""
        self.steps = 0
        self.feed = Feed(self.model.encoder.tokeniser)
        self.begin_line()

    def begin_line(self) -> None:
        """Forget the words of the line before."""
        self.numbers = self.model.network.begin()
        self.recent: deque[Read] = deque(maxlen=RECENT)
        self.ended = False  # whether the next word begins a line; until it comes, this one's can be looked at

    def cut(self, text: str) -> list[list[str]]:
        """The words that a chunk completes, line by line; the feed moves on."""
        lines = text.split("\n")
        found = []
        for line in lines[:-1]:
            found.append([*self.feed.push(line), *self.feed.tail()])
            self.feed = Feed(self.model.encoder.tokeniser)
        return [*found, self.feed.push(lines[-1])]

    def inside(self, x: Any = None, *, hold: Mapping[str, float] | None = None) -> Inside:
        """What a push of `x` would say, with what every word did."""
        if x is None:
            raise DataError("A tagger keeps no text to look back on. Pass the words to look at: inside(text).")
        session = self.fork()
        lines = session.cut(self.model.read(x))
        unfinished = session.feed.tail()
        lines[-1] += unfinished
        words = [word for line in lines for word in line]
        skipped = max(0, len(words) - LOOKED_AT)
        complete = len(words) - len(unfinished)
        traces: list[tuple[Trace, ...]] = []
        tagged: list[dict[str, str]] = []
        place = 0
        for number, line in enumerate(lines):
            session.ended = session.ended or number > 0
            for word in line:
                if session.ended:
                    session.begin_line()
                inputs = dict(zip(self.model.inputs, self.model.encode([word]), strict=True))
                before = session.numbers.copy()
                step_together(self.model, [session], [word])
                if place >= skipped:
                    answers, seen = self.model.network.inside(inputs, before, hold=hold)
                    traces.append(seen)
                    (paths,) = answers.values()
                    session.recent[-1] = Read(word, np.asarray(paths).reshape(-1))
                if place < complete:
                    tagged += session.newest()
                place += 1
        answer = {"words": tagged, "recent": session.best(), "open": len(unfinished)}
        return Inside(answer, in_a_row(traces), tuple(words[skipped:]), len(unfinished))

    def best(self) -> list[dict[str, str]]:
        """The best path through the last words."""
        if not self.recent:
            return []
        last = self.model.labels.forbidden_last if self.ended else ()
        codes = best_paths(np.stack([read.paths for read in self.recent])[None], self.model.moves, last)[0]
        return self._tagged([read.word for read in self.recent], codes.tolist())

    def newest(self) -> list[dict[str, str]]:
        """The last word alone, with the tag it has on the best path so far."""
        word, paths = self.recent[-1]
        return self._tagged([word], [int(paths.argmax())])

    def _tagged(self, words: Sequence[str], codes: Sequence[int]) -> list[dict[str, str]]:
        labels = self.model.labels
        return [{"word": word, "tag": tag} for word, tag in zip(words, labels.write(labels.tags(codes)), strict=True)]


def push_together(model: LiveTagger, sessions: Sequence[TagSession], texts: Sequence[str]) -> list[dict[str, Any]]:
    """A chunk of text to each of many sessions, whose words are stepped side by side; their answers."""
    lines = [session.cut(text) for session, text in zip(sessions, texts, strict=True)]
    # None stands for the end of a line.
    waiting = [list(chain.from_iterable((None, *words) for words in each))[1:] for each in lines]
    answers: list[list[dict[str, str]]] = [[] for _ in sessions]
    for turn in range(max(map(len, waiting), default=0)):
        now: list[int] = []
        for at, words in enumerate(waiting):
            if turn < len(words) and words[turn] is None:
                sessions[at].ended = True
            elif turn < len(words):
                now.append(at)
        if now:
            chosen = [sessions[at] for at in now]
            step_together(model, chosen, [str(waiting[at][turn]) for at in now])
            for at in now:
                answers[at] += sessions[at].newest()
    recent = _provisional(model, sessions)
    for session in sessions:
        session.steps += 1
    return [
        {"words": words, "recent": last, "open": open_words}
        for words, (last, open_words) in zip(answers, recent, strict=True)
    ]


def step_together(model: LiveTagger, sessions: Sequence[TagSession], words: Sequence[str]) -> None:
    """One word to each of many sessions, in one call of the core."""
    for session in sessions:
        if session.ended:
            session.begin_line()
    inputs = dict(zip(model.inputs, model.encode(words), strict=True))
    (paths,) = model.network.step(inputs, [session.numbers for session in sessions]).values()
    for session, word, row in zip(sessions, words, paths, strict=True):
        session.recent.append(Read(word, np.array(row, np.float32).reshape(-1)))


def _provisional(model: LiveTagger, sessions: Sequence[TagSession]) -> list[tuple[list[dict[str, str]], int]]:
    """The best paths of sessions as if their texts ended here, and how many words of each may still change."""
    found = []
    for session in sessions:
        tail = session.feed.tail()
        if tail:
            session = session.fork()
            for word in tail:
                step_together(model, [session], [word])
        found.append((session.best(), len(tail)))
    return found
