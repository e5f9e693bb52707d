"""The state of a forecaster's session as bytes: numbers one after the other, in an order that the model fixes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from recurra.errors import StateError
from recurra.tasks.forecast._live_reading import Row

if TYPE_CHECKING:
    from recurra.tasks.forecast._live_session import ForecastSession

# adapt, learn, plan, begun, month end; seed; steps, count, first, waiting, cursor, until, next, rows planned
_HEAD = struct.Struct("<?????q8q")
_NAME = struct.Struct("<H")
_MOST, _MOST_WITHOUT_TIME = 2**62, 2**20
_ODD = "This state doesn't fit the model, though it names it. Begin a new session."


def pack(session: ForecastSession) -> bytes:
    """All numbers of a session, options and name included."""
    window, tracker = session.window, session.tracker
    name = session.series.encode()
    head = _HEAD.pack(
        session.adapt,
        session.learn,
        session.plan,
        window.begun,
        window.month_end,
        session.seed,
        session.steps,
        window.count,
        window.first,
        window.waiting,
        window.cursor,
        tracker.until,
        tracker.next,
        len(window.planned),
    )
    parts = [_NAME.pack(len(name)), name, head, *(_bytes(array) for array in _arrays(session))]
    for number, row in window.planned.items():
        values = (*row.known, *row.known_codes, *row.past, *row.past_codes)
        parts += [struct.pack("<2q", number, row.time or 0), np.array(values, dtype=np.float64).tobytes()]
    return b"".join(parts)


def read_options(content: bytes) -> tuple[str, dict[str, Any]]:
    """The name of the series and the options of the session that was packed."""
    try:
        size = _NAME.unpack_from(content)[0]
        adapt, learn, plan, _, _, seed, *_ = _HEAD.unpack_from(content, _NAME.size + size)
        name = content[_NAME.size : _NAME.size + size].decode()
    except (struct.error, UnicodeDecodeError) as error:
        raise StateError(_ODD) from error
    return name, {"adapt": adapt, "learn": learn, "plan": plan, "seed": seed}


def unpack(session: ForecastSession, content: bytes) -> None:
    """Set a fresh session, of the same options and name, to what was packed."""
    window, tracker = session.window, session.tracker
    at = _NAME.size + _NAME.unpack_from(content)[0]
    head = _HEAD.unpack_from(content, at)
    _, _, _, window.begun, window.month_end, _, session.steps, window.count, window.first, *rest = head
    window.waiting, window.cursor, tracker.until, tracker.next, planned = rest
    at += _HEAD.size
    expected = at + sum(array.nbytes for array in _arrays(session))
    width = len(_blank(session)) * 8 + 16
    if len(content) != expected + planned * width:
        raise StateError(_ODD)
    found = []
    for array in _arrays(session):
        found.append(np.frombuffer(content, dtype=array.dtype, count=array.size, offset=at).reshape(array.shape))
        at += array.nbytes
    if session.learner is not None:
        count = len(session.learner.arrays)
        session.learner.restore(found[-count - 1 : -1], found[-1].tolist())
        found = found[: -count - 1]
    *rows, ago, seen_at, static_values, static_codes, moments, steps, moved, waiting, numbers = found
    for array, values in zip((*window.arrays, *window.arrays_ahead), rows, strict=True):
        array[:, : values.shape[1]] = values
    window.end = window.context
    window.ago, window.seen_at = ago.tolist(), seen_at.tolist()
    if window.moments is not None:
        window.moments.numbers[:] = moments
    window.steps[:] = steps
    tracker.moved[:], tracker.waiting[:], tracker.numbers[:] = moved, waiting, numbers
    session.inputs.set_static(tuple(static_values.tolist()), tuple(static_codes.tolist()))
    for _ in range(planned):
        number, time = struct.unpack_from("<2q", content, at)
        values = np.frombuffer(content, dtype=np.float64, count=len(_blank(session)), offset=at + 16).tolist()
        window.planned[number] = _row(session, time, values)
        at += width
    if not _is_possible(session):
        raise StateError(_ODD)


def _is_possible(session: ForecastSession) -> bool:
    """Whether times and counts are such as sessions come to: a seal keeps off damage, not states that were made up."""
    window, clock = session.window, session.model.frame.clock
    counts = (session.steps, window.count, window.waiting, window.cursor, *window.ago)
    if session.seed < 0 or not all(0 <= count < _MOST for count in counts) or max(window.ago) > window.count:
        return False
    if clock.columns and window.cursor > _MOST_WITHOUT_TIME:
        return False
    if not window.begun:
        return not (window.count or window.planned)
    least, most = clock.bounds
    last = window.times[window.end - 1] if window.count else window.first
    times = window.time[0, window.end - window.context : window.end + window.horizon].tolist()
    times = times[window.context - min(window.count, window.context) :]
    planned = [row.time or 0 for row in window.planned.values()]
    return (
        all(least <= time <= most for time in (window.first, *times, *window.seen_at, *planned))
        and max(window.first, *window.seen_at) <= last
        and all(0 <= step <= most - least for step in window.steps.tolist())
        and all(0 <= number - window.count < _MOST for number in window.planned)
    )


def _arrays(session: ForecastSession) -> list[np.ndarray]:
    window, tracker, learner = session.window, session.tracker, session.learner
    start, stop = window.end - window.context, window.end + window.horizon
    return [
        *(array[:, start : window.end] for array in window.arrays),
        *(array[:, start:stop] for array in window.arrays_ahead),
        np.array(window.ago, dtype=np.int64),
        np.array(window.seen_at, dtype=np.int64),
        np.array(session.inputs.static_values, dtype=np.float64),
        np.array(session.inputs.static_codes, dtype=np.int64),
        np.zeros(0) if window.moments is None else window.moments.numbers,
        window.steps,
        tracker.moved,
        tracker.waiting,
        tracker.numbers,
        *([] if learner is None else [*learner.arrays, learner.numbers]),
    ]


def _blank(session: ForecastSession) -> tuple[float, ...]:
    table = session.model.frame.preparation.table
    return (0.0,) * sum(len(part) for part in (table.known, table.known_categories, table.past, table.past_categories))


def _row(session: ForecastSession, time: int, values: list[float]) -> Row:
    table = session.model.frame.preparation.table
    parts = []
    for part in (table.known, table.known_categories, table.past, table.past_categories):
        parts.append(values[: len(part)])
        values = values[len(part) :]
    known, known_codes, past, past_codes = parts
    return Row(
        time, (), True, tuple(known), tuple(map(int, known_codes)), tuple(past), tuple(map(int, past_codes)), (), ()
    )


def _bytes(array: np.ndarray) -> bytes:
    return np.ascontiguousarray(array).tobytes()
