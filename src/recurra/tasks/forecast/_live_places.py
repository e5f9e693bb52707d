from __future__ import annotations

from typing import TYPE_CHECKING

from recurra.errors import DataError, PastError
from recurra.tasks.forecast._live_reading import Row

if TYPE_CHECKING:
    from recurra.tasks.forecast._live_window import Window


def place(window: Window, row: Row) -> tuple[int, int]:
    """How many rows after the next one a row belongs, and its time. DataError where it can't follow the others."""
    clock = window.frame.clock
    if row.time is None:
        return _without_time(window)
    if not window.begun:
        return 0, row.time
    last = window.times[window.end - 1] if window.count else window.first - 1
    if row.time <= last:
        shown = clock.text(row.time)
        raise PastError(
            f"A row of {shown} was pushed, but the series has come to {clock.text(last)}. Rows come in order of "
            "time, one for each time: push the next one, or begin a new session."
        )
    steps, time = clock.place(row.time, window.first)
    if steps is None:
        return _without_grid(window, time), time
    ahead = steps - window.count
    if ahead < 0:
        raise DataError(
            f"A row of {clock.text(row.time)} was pushed, which falls into the same step ({clock.frequency}) as "
            f"{clock.text(last)}. Push one row for each step: aggregate first."
        )
    return ahead, time


def _without_time(window: Window) -> tuple[int, int]:
    clock = window.frame.clock
    if not clock.columns:
        return window.waiting, window.count + window.waiting
    if not window.begun or clock.is_uneven:
        why = "of the first row" if not window.begun else "of each row, since rows are unevenly spaced"
        raise DataError(
            f"A row without {', '.join(clock.columns)} was pushed; the model needs the time {why}. "
            f"Push it too, written like {clock.example()!r}."
        )
    return window.cursor, window.time_of(window.cursor)


def _without_grid(window: Window, time: int) -> int:
    """Where a row goes whose series has no grid: after those that wait, or where one of them is."""
    numbers = sorted(window.planned)
    times = [window.planned[number].time for number in numbers]
    if time in times:
        return numbers[times.index(time)] - window.count
    if numbers and time < (times[-1] or 0):
        text = window.frame.clock.text
        raise DataError(
            f"A row of {text(time)} was pushed, but rows up to {text(times[-1] or 0)} were pushed ahead and none "
            "of them is of this time. Push rows in order of time."
        )
    return window.waiting
