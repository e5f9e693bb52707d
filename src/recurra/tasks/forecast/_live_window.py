"""What a session remembers of its series: the rows that the network looks back at, and those known ahead."""

from __future__ import annotations

import math
from struct import Struct
from typing import Any

import numpy as np

from recurra.data._written_time import DAY
from recurra.tasks.forecast._live_frame import Frame
from recurra.tasks.forecast._live_moments import Moments
from recurra.tasks.forecast._live_reading import Row

_ROOM = 64  # rows that are appended before all are moved to the front
_MOST_PLANNED = 1000
_STEPS = 256  # of which the middle one is what uneven times go on by


class Window:
    """The last rows of one series, as `data.Windows.gather` would show them to the network.

    Rows lie in arrays that are longer than a window, so that a window is a view; when an end is reached they are moved
    to the front. Behind the last row lie the rows ahead, as far as the forecast goes: their times, and what is known of
    them. A row that was planned is one of those until a later row is taken.
    """

    def __init__(self, frame: Frame, moments: Moments | None) -> None:
        chosen, clock = frame.chosen, frame.clock
        self.frame = frame
        self.context, self.horizon = chosen.context, chosen.horizon
        length = self.context + self.horizon + _ROOM
        batch, targets = frame.rows, frame.targets
        width = targets if chosen.joint else 1
        self.target = np.zeros((batch, length, width), dtype=np.float32)
        self.observed = np.zeros_like(self.target)
        self.since = np.zeros_like(self.target)
        table = frame.preparation.table
        calendar = frame.calendar.width
        self.known = np.zeros((1, length, calendar + frame.known.width), dtype=np.float32)
        self.known_codes = np.zeros((1, length, len(table.known_categories)), dtype=np.float32)
        self.past = np.zeros((1, length, frame.past.width), dtype=np.float32)
        self.past_codes = np.zeros((1, length, len(table.past_categories)), dtype=np.float32)
        self.time = np.zeros((1, length), dtype=np.int64)
        # The same memory for single numbers, which numpy takes several times as long to read and write.
        self.times = self.time[0].data
        self._targets: tuple[Any, ...] = tuple(a.reshape(-1).data for a in (self.target, self.observed, self.since))
        self._known = self.known.reshape(-1).data if self.known.size else None
        self._known_row = Struct(f"{self.known.shape[2]}f")
        self.count = 0  # rows of the series so far; the next one is row `count`
        self.first = 0  # time of row 0
        self.end = self.context  # where the next row goes
        self.waiting = 0  # rows planned after the last that was taken, gaps between them included
        self.cursor = 0  # of those, rows that came without a time
        self.planned: dict[int, Row] = {}  # rows ahead that say something, by their number
        self.begun = False
        self.month_end = True
        self.ago = [0] * targets  # rows since each target was last observed
        self.seen_at = [0] * targets  # when that was
        self.steps = np.zeros(_STEPS if clock.is_uneven else 0, dtype=np.int64)
        self.moments = moments  # of a series that wasn't trained on
        self._ahead = frame.known.apply((math.nan,) * len(table.known))
        self._nothing = frame.past.apply((math.nan,) * len(table.past))
        self._has_past = bool(self.past.size or self.past_codes.size)
        self._has_known = bool(self.known.shape[2] > calendar or self.known_codes.size)
        self._says_nothing_ahead = not (self.known.size or self.known_codes.size)

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """The arrays of what was; their second axis is time."""
        return self.target, self.observed, self.since, self.past, self.past_codes

    @property
    def arrays_ahead(self) -> tuple[np.ndarray, ...]:
        """Those that reach as far ahead as the forecast."""
        return self.known, self.known_codes, self.time

    def plan(self, ahead: int, time: int, row: Row) -> None:
        """Take in a row of use for what it says of the time ahead."""
        if not self.begun:
            self._begin(time)
        if row.time is None:
            self.cursor += 1
        self.waiting = max(self.waiting, ahead + 1)
        number = self.count + ahead
        row = _merged(row._replace(time=time), self.planned.get(number))
        if not self.frame.clock.has_grid or _says_something(row):
            self.planned[number] = row
            if len(self.planned) > self.horizon + max(self.context, _MOST_PLANNED):
                del self.planned[min(self.planned)]
        if not self.frame.clock.step:
            self._refresh()
        elif ahead < self.horizon:
            self._fill_ahead(self.end + ahead, time, number)

    def take(self, ahead: int, time: int, row: Row) -> None:
        """Take in a row that has come to pass; in rows between the last one and it nothing was observed."""
        if not self.begun:
            self._begin(time)
        if ahead:
            self._pass(ahead)
        if self.planned:
            row = _merged(row, self.planned.pop(self.count, None))
        self._append(time, row)
        if self.waiting:
            self.waiting = max(self.waiting - ahead - 1, 0)
        self.cursor = 0

    @property
    def has_seen(self) -> bool:
        """Whether any target was ever observed."""
        return min(self.ago) < self.count

    def times_ahead(self, count: int) -> bytes:
        """The times of so many rows that are forecast, as bytes of int64."""
        return self.times[self.end : self.end + count].tobytes()

    def _begin(self, time: int) -> None:
        self.begun, self.first = True, time
        self.seen_at = [time] * len(self.seen_at)
        self._refresh()

    def _pass(self, ahead: int) -> None:
        """Rows without a target go by: the rows of a gap, and those that were pushed ahead."""
        skipped = ahead - self.context - self.horizon
        if skipped > 0:  # nothing will be seen of the first of them
            row = self.planned.get(self.count + skipped - 1)
            time = self.time_of(skipped - 1) if row is None or row.time is None else row.time
            self.ago = [ago + skipped for ago in self.ago]
            self.count += skipped
            self.planned = {number: row for number, row in self.planned.items() if number >= self.count}
            self.times[self.end - 1] = time
            self._refresh()
            ahead -= skipped
        for _ in range(ahead):
            row = self.planned.pop(self.count, None)
            self._append(self.times[self.end], row)

    def time_of(self, ahead: int) -> int:
        """The time of the row so many after the next, if none says otherwise."""
        if ahead < self.horizon:
            return self.times[self.end + ahead]
        return self._after(self.times[self.end + self.horizon - 1], 1, skip=ahead - self.horizon)[0]

    def _append(self, time: int, row: Row | None) -> None:
        """The next row; without one, or without a target in it, nothing was observed."""
        end, times, clock = self.end, self.times, self.frame.clock
        self._write_targets(end, time, row.target if row is not None else ())
        if self.moments is not None and row is not None and row.target:
            self.moments.add(row.target)
        is_foreseen = times[end] == time
        if row is not None and (self._has_known or not is_foreseen):
            self._write_known(end, time, row)
        if self._has_past:
            self._write_past(end, row)
        if self.count == 0:
            self._show_before()
        elif self.steps.size:
            self.steps[(self.count - 1) % _STEPS] = time - times[end - 1]
        as_foreseen = self.count and is_foreseen and not (self.planned or clock.is_uneven)
        times[end] = time
        if self.month_end and not clock.is_month_end(time):
            self.month_end = as_foreseen = False
        self.count += 1
        self.end = end + 1
        if self.end + self.horizon > len(times):
            self._move()
        last = self.end + self.horizon - 1
        if clock.step:
            self._fill_ahead(last, times[last - 1] + clock.step, self.count + self.horizon - 1)
        elif as_foreseen and self.horizon > 1:
            (time,) = self._after(times[last - 1], 1)
            self._fill_ahead(last, time, self.count + self.horizon - 1)
        else:
            self._refresh()

    def _write_targets(self, end: int, time: int, target: tuple[float, ...]) -> None:
        uneven = self.frame.preparation.uneven_step
        if uneven is None and len(target) == 1 and target[0] == target[0]:
            targets, observed, since = self._targets
            targets[end], observed[end], since[end] = target[0], 1.0, 0.0
            self.ago[0] = 0
            return
        for at in range(self.frame.targets):
            value = target[at] if target else math.nan
            seen = value == value
            since = (time - self.seen_at[at]) / uneven if uneven is not None else 0 if seen else self.ago[at] + 1
            place = (0, end, at) if self.frame.chosen.joint else (at, end, 0)
            self.target[place] = value if seen else 0.0
            self.observed[place] = seen
            self.since[place] = math.log1p(since) / 3 if since else 0.0
            if seen:
                self.ago[at], self.seen_at[at] = 0, time
            else:
                self.ago[at] += 1

    def _show_before(self) -> None:
        """Rows before the beginning look like the first one, not observed."""
        for array in (self.since, self.known, self.known_codes, self.past, self.past_codes):
            array[:, : self.end] = array[:, self.end : self.end + 1]

    def _move(self) -> None:
        start = self.end - self.context
        for array in self.arrays:
            array[:, : self.context] = array[:, start : self.end].copy()
        for array in self.arrays_ahead:
            array[:, : self.context + self.horizon - 1] = array[:, start : self.end + self.horizon - 1].copy()
        self.end = self.context

    def _refresh(self) -> None:
        """Work the rows ahead out anew, from the last row on and from those that say when they are."""
        number, place = self.count, self.end
        stop = number + self.horizon
        time = self.times[place - 1] if number else self.first
        if not number:
            self._fill_ahead(place, time, number)
            number, place = 1, place + 1
        while number < stop:
            given = next((later for later in range(number, stop) if later in self.planned), stop)
            for moment in self._after(time, given - number):
                self._fill_ahead(place, moment, number)
                number, place = number + 1, place + 1
            if number < stop:
                time = self.planned[number].time or 0
                self._fill_ahead(place, time, number)
                number, place = number + 1, place + 1

    def _fill_ahead(self, place: int, time: int, number: int) -> None:
        self.times[place] = time
        self._write_known(place, time, self.planned.get(number))

    def _write_known(self, place: int, time: int, row: Row | None) -> None:
        if self._says_nothing_ahead:
            return
        if self._known is not None:
            known = self._ahead if row is None else self.frame.known.apply(row.known)
            packed = self._known_row
            packed.pack_into(self._known, place * packed.size, *self.frame.calendar.at(time), *known)
        if self.known_codes.size:
            self.known_codes[0, place] = 0 if row is None else row.known_codes

    def _write_past(self, place: int, row: Row | None) -> None:
        if self.past.size:
            self.past[0, place] = self._nothing if row is None else self.frame.past.apply(row.past)
        if self.past_codes.size:
            self.past_codes[0, place] = 0 if row is None else row.past_codes

    def _after(self, time: int, count: int, *, skip: int = 0) -> list[int]:
        return self.frame.clock.after(
            time, count, first=self.first, month_end=self.month_end, step=self._usual_step(), skip=skip
        )

    def _usual_step(self) -> int:
        """What uneven times go on by: the middle one of the last steps; a day or a second where there's none."""
        if not self.steps.size:
            return 1
        known = min(self.count - 1, _STEPS)
        if known <= 0:
            return 1_000_000 if self.first % DAY else DAY
        return int(np.sort(self.steps[:known])[(known - 1) // 2])


def _merged(row: Row, other: Row | None) -> Row:
    """A row, with what was said of it earlier where it says nothing."""
    if other is None:
        return row

    def numbers(name: str) -> tuple[float, ...]:
        return tuple(a if a == a else b for a, b in zip(getattr(row, name), getattr(other, name), strict=True))

    def codes(name: str) -> tuple[int, ...]:
        return tuple(a or b for a, b in zip(getattr(row, name), getattr(other, name), strict=True))

    return row._replace(
        known=numbers("known"), known_codes=codes("known_codes"), past=numbers("past"), past_codes=codes("past_codes")
    )


def _says_something(row: Row) -> bool:
    return any(value == value for value in (*row.known, *row.past)) or any((*row.known_codes, *row.past_codes))
