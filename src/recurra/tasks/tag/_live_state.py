"""The state of a tagger's session as bytes: its text as JSON, then its numbers."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from recurra.data.text import Feed

if TYPE_CHECKING:
    from recurra.tasks.tag._live_session import TagSession

RECENT = 32
_SIZE = struct.Struct("<Q")


class Read(NamedTuple):
    """A word that the network has read, and the scores (L,) of the best paths up to it."""

    word: str
    paths: np.ndarray


def pack(session: TagSession) -> bytes:
    """All there is to a session."""
    text = {
        "steps": session.steps,
        "ended": session.ended,
        "feed": session.feed.state(),
        "words": [read.word for read in session.recent],
    }
    head = json.dumps(text).encode()  # ASCII: half of a surrogate pair may be the end of a chunk
    numbers = np.empty(session.numbers.size, dtype=np.float32)
    session.numbers.read(numbers)
    rows = [read.paths for read in session.recent]
    return _SIZE.pack(len(head)) + head + np.concatenate([numbers, *rows]).astype("<f4").tobytes()


def unpack(session: TagSession, content: bytes) -> None:
    """Set a fresh session to what was packed; ValueError, KeyError or TypeError for what never was."""
    if len(content) < _SIZE.size:
        raise ValueError("too short")
    (size,) = _SIZE.unpack_from(content)
    text = json.loads(content[_SIZE.size : _SIZE.size + size])
    words, steps, rest, ended = text["words"], text["steps"], text["feed"]["rest"], text["ended"]
    labels = len(session.model.labels.names)
    numbers = np.frombuffer(content[_SIZE.size + size :], dtype="<f4").astype(np.float32)
    sound = isinstance(words, list) and len(words) <= RECENT and all(isinstance(word, str) for word in words)
    if not sound or type(steps) is not int or steps < 0 or not isinstance(rest, str) or not isinstance(ended, bool):
        raise ValueError("not a state")
    if numbers.size != session.numbers.size + len(words) * labels:
        raise ValueError("wrong size")
    session.steps, session.ended = steps, ended
    session.feed = Feed(session.model.encoder.tokeniser, **text["feed"])
    session.numbers.write(numbers[: session.numbers.size])
    session.recent.clear()
    rows = numbers[session.numbers.size :].reshape(len(words), labels)
    session.recent.extend(Read(word, row.copy()) for word, row in zip(words, rows, strict=True))
