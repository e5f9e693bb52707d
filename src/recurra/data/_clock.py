from __future__ import annotations

import math
from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from recurra.data._frequency import Frequency, parse_frequency
from recurra.data._panel import Schema
from recurra.data._time_parts import part_names
from recurra.data._value import is_missing, number
from recurra.data._written_time import DAY, Reading, of_datetime, reader_of
from recurra.errors import ConfigError, DataError

_EPOCH = datetime(1970, 1, 1)
_FIRST_DAY = _EPOCH.toordinal()
_UTC = _EPOCH.replace(tzinfo=UTC)
_EPOCHS = {"epoch_s": 1_000_000.0, "epoch_ms": 1000.0, "epoch_us": 1.0, "epoch_ns": 0.001}
# Years 1000 to 9000: beyond, calendars end sooner or later.
_EARLIEST, _LATEST, _END = -30_610_224_000_000_000, 221_845_392_000_000_000, 253_402_128_000_000_000
_MOST_STEPS = 2**53
_FROM_MIDNIGHT = ", hours 1 to 24"
_DEFAULT_PARTS = ("year", "month", "day", "hour", "minute", "second")


class Clock:
    """How time goes by in the rows of a model's series: what a row's time is, and which ones come after it.

    A time is a whole number: microseconds since 1970 in UTC, or a count of steps. What `_times`, `_spacing` and
    `_future` do with whole columns is done here row by row.
    """

    def __init__(self, schema: Schema) -> None:
        form = schema.time_format
        self.columns: tuple[str, ...] = () if form is None else schema.columns.time or ()
        self.is_moment = form not in (None, "step")
        self.frequency: Frequency | None = parse_frequency(schema.frequency) if schema.frequency else None
        self.zone, self._has_zone = _zone(schema.time_zone), schema.time_zone is not None
        self.is_uneven = self.is_moment and self.frequency is None
        # Where steps are counted, rows that are left out leave gaps; business days and uneven times go on row by row.
        self.has_grid = not self.is_uneven and (self.frequency is None or self.frequency.unit != "b")
        self._on_wall = self.frequency is not None and self.frequency.is_calendar
        self._from_midnight = bool(form) and str(form).endswith(_FROM_MIDNIGHT)
        self._form = str(form).removesuffix(_FROM_MIDNIGHT)
        self._parts = part_names(self.columns) if len(self.columns) > 1 else None
        if self._form == "parts" and self._parts is None:
            self._parts = dict(zip(_DEFAULT_PARTS, self.columns, strict=False))
        plain = self.is_moment and self._form not in ("iso", "parts") and not self._form.startswith("epoch")
        self._read_text = reader_of(tuple(self._form.split("|")) if plain else ())
        self._months = self.frequency.months if self.frequency is not None else 0
        fixed = self.frequency is not None and not (self._on_wall and self.zone is not None)
        self.step = self.frequency.microseconds if fixed and self.frequency is not None else 0 if self.is_moment else 1

    def read(self, row: Mapping[str, Any]) -> int | None:
        """The time in a row, None where it holds none. DataError for what isn't a time."""
        values = [row.get(name) for name in self.columns]
        if all([is_missing(value) for value in values]):
            return None
        time = self._time(values) if self.is_moment else self._whole(values[0], "a whole number, which counts steps")
        least, most = (_EARLIEST, _LATEST) if self.is_moment else (-_MOST_STEPS, _MOST_STEPS)
        if not least <= time <= most:
            shown = " ".join(str(value) for value in values)
            raise DataError(
                f"{', '.join(self.columns)} is {shown}, which is out of bounds; expected "
                f"{'a year from 1000 to 9000' if self.is_moment else 'a number up to 2^53'}. Mend the time."
            )
        return time

    def _time(self, values: list[Any]) -> int:
        if self._form.startswith("epoch"):
            return self._epoch(values[0])
        written = self._written(values)
        if written is None:
            shown = " ".join(str(value) for value in values)
            raise DataError(
                f"{', '.join(self.columns)} is {shown!r}, which can't be read as a time; expected one like "
                f"{self.example()!r}. Write it so, and push the row again."
            )
        wall, offset = written
        return self.moment(wall) if offset is None else wall - offset

    @property
    def bounds(self) -> tuple[int, int]:
        """The first and last time that rows, or rows ahead of them, can have."""
        return (_EARLIEST, _END) if self.is_moment else (-_MOST_STEPS, 2 * _MOST_STEPS)

    def example(self) -> str:
        """A time, written as rows write it."""
        moment = datetime(2024, 1, 31, 13)
        if self._form == "parts":
            return "2024 1 31"
        if not self._form.startswith("%"):
            return "2024-01-31" if self._on_wall else "2024-01-31 13:00:00"
        form = self._form.split("|")[0].replace("%.f", "").replace("%q", "1").replace("%z", "+00:00")
        return moment.strftime(form)

    def wall(self, moment: int) -> int:
        """A moment on the wall clock of the time zone."""
        if self.zone is None:
            return moment
        offset = (_UTC + timedelta(microseconds=moment)).astimezone(self.zone).utcoffset()
        return moment + (offset.days * DAY + offset.seconds * 1_000_000 if offset else 0)

    def moment(self, wall: int) -> int:
        """The way back; a moment that the wall clock skips is taken later, one that it shows twice is the first."""
        if self.zone is None:
            return wall
        offset = (_EPOCH + timedelta(microseconds=wall)).replace(tzinfo=self.zone).utcoffset()
        return wall - (offset.days * DAY + offset.seconds * 1_000_000 if offset else 0)

    def place(self, time: int, first: int) -> tuple[int | None, int]:
        """Steps of the grid from `first` to `time`, and `time` moved back onto the grid; None where there is no grid.

        Business days and uneven times have none: each row is one step after the row before.
        """
        if not self.is_moment:
            return time - first, time
        frequency = self.frequency
        if frequency is None or not self.has_grid:
            return None, time
        wall, start = (self.wall(time), self.wall(first)) if self._on_wall else (time, first)
        if self._months:
            return (_month(wall)[0] - _month(start)[0]) // self._months, time
        step = frequency.microseconds
        steps, rest = divmod(wall - start, step)
        if not rest:
            return steps, time
        origin = start - start % DAY
        origin = origin if step > DAY or DAY % step else start - (start - origin) % step
        whole = (wall - origin) // step
        floored = origin + whole * step
        return whole - (start - origin) // step, self.moment(floored) if self._on_wall else floored

    def is_month_end(self, time: int) -> bool:
        """Whether a row lies on the last day of its month, where that matters."""
        if not self._months:
            return False
        month, day, _ = _month(self.wall(time))
        return day == monthrange(month // 12, month % 12 + 1)[1]

    def after(self, time: int, count: int, *, first: int, month_end: bool, step: int, skip: int = 0) -> list[int]:
        """The times of `count` rows after one at `time`, when `skip` others lie between.

        `first` is the series' first row, from which months are counted; `month_end` says that all rows so far lie on
        the last day of theirs. `step` is what uneven times go on by.
        """
        frequency = self.frequency
        if self.step or frequency is None:
            step = self.step or step
            end = _END if self.is_moment else 2 * _MOST_STEPS
            return [min(time + step * ahead, end) for ahead in range(skip + 1, skip + count + 1)]
        ahead = range(skip + 1, skip + count + 1)
        start = self.wall(time)
        if self._months:
            month, day, rest = _month(start)
            if not month_end:
                begun, day, rest = _month(self.wall(first))
                month -= (month - begun) % self._months
            walls = [_moment(month + steps * self._months, 31 if month_end else day, rest) for steps in ahead]
        else:
            walls = frequency.later(np.full(count, start), np.array(ahead, dtype=np.int64))
        return [self.moment(min(int(wall), _END)) for wall in walls]

    def text(self, time: int) -> str | int:
        """A time as ISO 8601 writes it; a step as it is."""
        if not self.is_moment:
            return time
        moment = (_UTC + timedelta(microseconds=time)).astimezone(self.zone or UTC)
        thousandths = "milliseconds" if time % 1_000_000 and not time % 1000 else "auto"
        return (moment if self._has_zone else moment.replace(tzinfo=None)).isoformat(timespec=thousandths)

    def _epoch(self, value: Any) -> int:
        read = number(value)
        if read is None or not math.isfinite(read):
            raise DataError(
                f"{self.columns[0]} is {value!r}; expected {self._form[6:]} since 1970, such as 1706706000."
            )
        text = str(value).strip()
        exact = int(text) if text.lstrip("+-").isdecimal() else None
        if self._form == "epoch_ns":
            return (exact if exact is not None else round(read)) // 1000
        scale = _EPOCHS[self._form]
        return exact * int(scale) if exact is not None else round(read * scale)

    def _whole(self, value: Any, expected: str) -> int:
        read = number(value)
        if read is None or not read.is_integer():
            raise DataError(f"{self.columns[0]} is {value!r}; expected {expected}. Push the row with one.")
        return int(read)

    def _written(self, values: list[Any]) -> Reading | None:
        value = values[0]
        if len(values) > 1:
            return self._from_parts(values) if self._form == "parts" else self._joined(values)
        if type(value) is str:
            return self._read_text(value.strip())
        if isinstance(value, datetime):
            return of_datetime(value)
        if isinstance(value, date):
            return of_datetime(datetime(value.year, value.month, value.day))
        if isinstance(value, np.datetime64):
            return int(value.astype("datetime64[us]").astype(np.int64)), None
        text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
        return self._read_text(text)

    def _joined(self, values: list[Any]) -> Reading | None:
        """A date and a time of day."""
        texts = [str(value).strip().removesuffix(".0") for value in values]
        if self._from_midnight and texts[-1].isdecimal():
            texts[-1] = str(int(texts[-1]) - 1)
        return self._read_text(" ".join(text.zfill(2) for text in texts))

    def _from_parts(self, values: list[Any]) -> Reading | None:
        given = dict(zip(self.columns, values, strict=True))
        found = {"month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0}
        for part, name in (self._parts or {}).items():
            found[part] = self._whole(str(given[name]).strip().removeprefix("Q"), "a whole number")
        if "quarter" in found and "month" not in (self._parts or {}):
            found["month"] = 3 * found["quarter"] - 2
        hour = found["hour"] - (1 if self._from_midnight else 0)
        try:
            return of_datetime(
                datetime(found["year"], found["month"], found["day"], hour, found["minute"], found["second"])
            )
        except ValueError:
            return None


def _month(wall: int) -> tuple[int, int, int]:
    """Months since the year 0, the day of the month, and microseconds since midnight."""
    days, rest = divmod(wall, DAY)
    when = date.fromordinal(_FIRST_DAY + days)
    return when.year * 12 + when.month - 1, when.day, rest


def _moment(month: int, day: int, rest: int) -> int:
    """The way back; a day that the month doesn't have is its last."""
    year, month = divmod(month, 12)
    if year > 9999:
        return _END
    if day > 28:
        day = min(day, monthrange(year, month + 1)[1])
    return (date(year, month + 1, day).toordinal() - _FIRST_DAY) * DAY + rest


class Calendar:
    """`calendar_features` of one moment at a time."""

    def __init__(self, names: tuple[str, ...], clock: Clock) -> None:
        self.width = 2 * len(names)
        self._names, self._clock = names, clock
        self._today: tuple[int, tuple[tuple[float, float] | None, ...]] = (-1, ())

    def at(self, time: int) -> list[float]:
        """Sine and cosine of each cycle."""
        if not self._names:
            return []
        day, rest = divmod(self._clock.wall(time) // 1_000_000, 86_400)
        today, cycles = self._today  # one tuple, so that threads may share it
        if today != day:
            cycles = self._of_day(day)
            self._today = (day, cycles)
        out: list[float] = []
        for cycle in cycles:
            out += cycle if cycle is not None else _circle(rest / 86_400)
        return out

    def _of_day(self, day: int) -> tuple[tuple[float, float] | None, ...]:
        when = date.fromordinal(_FIRST_DAY + day)
        return tuple([_circle(_TURNS[name](when)) if name in _TURNS else None for name in self._names])


def _circle(turn: float) -> tuple[float, float]:
    angle = 2 * math.pi * turn
    return math.sin(angle), math.cos(angle)


# Where a day stands in each cycle.
_TURNS: dict[str, Callable[[date], float]] = {
    "day of week": lambda day: day.weekday() / 7,
    "day of month": lambda day: (day.day - 1) / 31.0,
    "day of year": lambda day: (day.toordinal() - date(day.year, 1, 1).toordinal()) / 365.2425,
}


def _zone(name: str | None) -> tzinfo | None:
    if name in (None, "UTC"):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(
            f"This machine doesn't know the time zone {name}, which the model was fitted with. Run: pip install tzdata"
        ) from error
