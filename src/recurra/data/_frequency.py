from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from recurra.errors import ConfigError

_MICROSECONDS = {
    "us": 1,
    "ms": 1000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 7 * 86_400_000_000,
}
_DAY = _MICROSECONDS["d"]
_MONTHS = {"mo": 1, "q": 3, "y": 12}
_ADVERBS = {
    "1us": "every microsecond",
    "1ms": "every millisecond",
    "1s": "every second",
    "1m": "every minute",
    "1h": "hourly",
    "1d": "daily",
    "1b": "every business day",
    "1w": "weekly",
    "1mo": "monthly",
    "1q": "quarterly",
    "1y": "yearly",
}
_NOUNS = {
    "us": "microseconds", "ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days",
    "b": "business days", "w": "weeks", "mo": "months", "q": "quarters", "y": "years",
}  # fmt: skip
_SYNONYMS = {
    "us": "us", "microsecond": "us", "ms": "ms", "millisecond": "ms",
    "s": "s", "sec": "s", "second": "s", "secondly": "s",
    "m": "m", "min": "m", "t": "m", "minute": "m", "minutely": "m", "h": "h", "hr": "h", "hour": "h", "hourly": "h",
    "d": "d", "day": "d", "daily": "d",
    "b": "b", "bd": "b", "bday": "b", "businessday": "b", "w": "w", "wk": "w", "week": "w",
    "weekly": "w", "mo": "mo", "me": "mo", "month": "mo", "monthly": "mo",
    "q": "q", "qs": "q", "qe": "q", "quarter": "q",
    "quarterly": "q", "y": "y", "a": "y", "ys": "y", "ye": "y", "yr": "y", "year": "y", "yearly": "y", "annual": "y",
}  # fmt: skip


@dataclass(frozen=True)
class Frequency:
    """The time between rows: so many of a unit, where months, quarters, years and business days follow the calendar."""

    count: int
    unit: str  # us, ms, s, m, h, d, w, mo, q, y as in polars, or b for business days

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    @property
    def months(self) -> int:
        """Months of one step; 0 where steps aren't counted in months."""
        return self.count * _MONTHS.get(self.unit, 0)

    @property
    def microseconds(self) -> int:
        """Length of one step; 0 where it varies."""
        return self.count * _MICROSECONDS.get(self.unit, 0)

    @property
    def is_calendar(self) -> bool:
        """Whether steps are whole days or longer, so that they're counted on the wall clock of the time zone."""
        return not 0 < self.microseconds < _DAY

    def positions(self, first: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Whole steps from `first` to `time`, both in microseconds of the wall clock, rounded down."""
        if self.months:
            return (_month(time) - _month(first)) // self.months
        if self.unit == "b":
            return np.busday_count(_date(first), _date(time)) // self.count
        return (time - first) // self.microseconds

    def started(self, time: np.ndarray) -> np.ndarray:
        """The start of the months that each moment lies in; only where steps are counted in months."""
        month = _month(time) // self.months * self.months
        return month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) * _DAY

    def later(self, first: np.ndarray, steps: np.ndarray, *, month_end: bool = False) -> np.ndarray:
        """The moment `steps` steps after `first`; the day of the month is kept where the month is long enough."""
        if self.months:
            date = _date(first)
            month = date.astype("datetime64[M]")
            day = (date - month.astype("datetime64[D]")).astype(np.int64)
            target = month + (steps * self.months).astype("timedelta64[M]")
            last = ((target + 1).astype("datetime64[D]") - target.astype("datetime64[D]")).astype(np.int64) - 1
            day = last if month_end else np.minimum(day, last)
            return (target.astype("datetime64[D]").astype(np.int64) + day) * _DAY + first % _DAY
        if self.unit == "b":
            days = np.busday_offset(_date(first), steps * self.count, roll="backward")
            return days.astype(np.int64) * _DAY + first % _DAY
        return first + steps * self.microseconds


def parse_frequency(text: str) -> Frequency:
    """Read what people write for a frequency: 15min, 1h, D, 2 weeks, monthly, 1mo, Q, business day."""
    match = re.fullmatch(r"(\d*)\s*([A-Za-z ]+?)(?:-[A-Za-z]+)?", text.strip())
    if match:
        word = match[2].replace(" ", "")
        unit = (
            {"M": "mo", "MS": "mo", "ME": "mo"}.get(word)
            or _SYNONYMS.get(word.lower())
            or _SYNONYMS.get(word.lower().rstrip("s"))
        )
        count = int(match[1] or 1)
        if unit and count:
            return _simplest(count, unit)
    raise ConfigError(f"frequency={text!r} can't be read; expected for instance 15min, 1h, 1d, 1b, 1w, 1mo, 1q or 1y.")


def describe_frequency(frequency: str | None) -> str:
    """A frequency in words: hourly, every 15 minutes, unevenly spaced."""
    if frequency is None:
        return "unevenly spaced"
    if frequency in _ADVERBS:
        return _ADVERBS[frequency]
    parsed = parse_frequency(frequency)
    return f"every {parsed.count} {_NOUNS[parsed.unit]}"


@dataclass(frozen=True)
class Spacing:
    """What the steps between rows say about their frequency."""

    frequency: Frequency | None
    step: int  # the commonest step in microseconds
    share: float  # how many of the steps it makes up


def infer_frequency(time: np.ndarray, wall: np.ndarray, same: np.ndarray) -> Spacing:
    """Infer the frequency of sorted rows by the commonest step.

    `time` and `wall` are microseconds in UTC and on the wall clock, `same` is true for rows that follow another of
    their series. The commonest step must make up half of all steps; steps of a month or more are counted in months
    when all rows lie at like days of the month. Daily rows that leave out every weekend are business days.
    """
    steps = np.diff(time)[same[1:]]
    if not steps.size:
        return Spacing(None, 0, 0.0)
    step, share = _commonest(steps)
    if step >= 23 * _MICROSECONDS["h"]:
        wall_step, wall_share = _commonest(np.diff(wall)[same[1:]])
        if wall_share >= share:
            step, share = wall_step, wall_share
    if step >= 28 * _DAY and _like_days(wall):
        months = np.diff(_month(wall))[same[1:]]
        count, portion = _commonest(months)
        if count > 0 and portion >= 0.5 and months.min() > 0:
            return Spacing(_simplest(count, "mo"), step, portion)
    if share < 0.5 or step <= 0:
        return Spacing(None, step, share)
    if step == _DAY and _skips_weekends(wall, same):
        return Spacing(Frequency(1, "b"), step, share)
    return Spacing(_from_microseconds(step), step, share)


def _commonest(values: np.ndarray) -> tuple[int, float]:
    import polars as pl  # needed to fit, not to go on by a frequency

    counts = pl.Series("step", values).value_counts(sort=True)
    return int(counts["step"][0]), int(counts["count"][0]) / values.size


def _from_microseconds(step: int) -> Frequency:
    for unit in ("w", "d", "h", "m", "s", "ms"):
        if step % _MICROSECONDS[unit] == 0:
            return Frequency(step // _MICROSECONDS[unit], unit)
    return Frequency(step, "us")


def _simplest(count: int, unit: str) -> Frequency:
    if unit in _MONTHS:
        months = count * _MONTHS[unit]
        unit = "y" if months % 12 == 0 else "q" if months % 3 == 0 else "mo"
        return Frequency(months // _MONTHS[unit], unit)
    return Frequency(count, unit) if unit == "b" else _from_microseconds(count * _MICROSECONDS[unit])


def is_month_end(wall: np.ndarray) -> bool:
    """Whether every row lies on the last day of its month."""
    return bool((_date(wall) + 1 == (_date(wall).astype("datetime64[M]") + 1).astype("datetime64[D]")).all())


def _like_days(wall: np.ndarray) -> bool:
    """Whether rows lie on one day of the month, or all among its first or last three."""
    date = _date(wall)
    month = date.astype("datetime64[M]")
    after = (date - month.astype("datetime64[D]")).astype(np.int64)
    before = ((month + 1).astype("datetime64[D]") - date).astype(np.int64)
    return bool(after.max() == after.min() or after.max() <= 2 or before.max() <= 3)


def _skips_weekends(wall: np.ndarray, same: np.ndarray) -> bool:
    """Whether no row lies on a weekend although at least two weekends pass."""
    date = _date(wall)
    days = date.astype(np.int64)
    if np.isin((days + 3) % 7, (5, 6)).any():
        return False
    passed = (np.diff((days + 3) // 7)[same[1:]] > 0).sum()
    return bool(passed >= 2)


def _date(time: np.ndarray) -> np.ndarray:
    return (time // _DAY).astype("datetime64[D]")


def _month(time: np.ndarray) -> np.ndarray:
    return _date(time).astype("datetime64[M]").astype(np.int64)
