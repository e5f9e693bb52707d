from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from recurra.data import Panel
from recurra.errors import ConfigError, DataError

Part = Literal["training", "validation", "test"]


@dataclass(frozen=True, eq=False)
class Split:
    """Where each series' training part ends and its test part begins; validation lies between.

    Series s has its training rows in offsets[s] : validation_start[s], its validation rows up to test_start[s] and its
    test rows up to offsets[s + 1]. Any part may be empty.
    """

    offsets: np.ndarray  # (S + 1,) int64
    validation_start: np.ndarray  # (S,) int64 row
    test_start: np.ndarray  # (S,) int64 row
    notes: tuple[str, ...] = ()  # how it was cut, one sentence each

    def bounds(self, part: Part) -> tuple[np.ndarray, np.ndarray]:
        """First row, and row after the last, of the part in each series, (S,) each."""
        if part == "training":
            return self.offsets[:-1], self.validation_start
        if part == "validation":
            return self.validation_start, self.test_start
        return self.test_start, self.offsets[1:]


def windows(split: Split, part: Part, *, context_min: int, horizon: int, stride: int = 1) -> np.ndarray:
    """Origins, (W,) int64, whose `horizon` target rows all lie in the part and that have `context_min` rows before.

    The rows before may lie in earlier parts. An origin is the first target row; origins of a series are `stride`
    apart, counted from the first that is possible.
    """
    start, end = split.bounds(part)
    first = np.maximum(start, split.offsets[:-1] + context_min)
    count = np.maximum((end - horizon - first) // stride + 1, 0)
    series = np.repeat(np.arange(len(count)), count)
    index = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    return first[series] + stride * index


def split_in_time(panel: Panel, *, validation: float, test: str, horizon: int) -> Split:
    """Cut the panel in time, once for all series, so that what is tested comes after all that was learnt from.

    `test` is the share of rows that come last ("0.2"), the date from which on rows are for the test ("2014-01-01", in
    the panel's time zone), or the number of rows that come last in each series ("48"); `validation` is the share of
    rows just before it. Without times, or with a number of rows, each series is cut by itself. A part given as a share
    grows to the horizon's length where it would hold no window, and a note says so.
    Raises ConfigError for a test part that can't be read, DataError where the rows don't suffice.
    """
    if not 0 < validation < 1:
        raise ConfigError(f"validation is {validation}; a share of the rows between 0 and 1 is expected, such as 0.1.")
    share, rows, date = _read_test(test, panel.schema.time_zone)
    if share is not None and share + validation >= 1:
        raise ConfigError(
            f"test {test} and validation {validation} together leave no rows for training. Make one of them smaller."
        )
    _check_lengths(panel, horizon)
    if rows is not None and rows < horizon:
        raise ConfigError(f"test {test} holds no forecast of {horizon} rows. Use --test {horizon} or more.")
    if panel.time.dtype.kind == "M" and rows is None:
        test_start, validation_start, notes = _cut_by_calendar(panel, share, date, validation, horizon)
    elif date is not None:
        raise ConfigError(
            f"test is the date {test!r}, but the table has no time column. Give a share of the rows such as 0.2, or "
            "name the time column with --time."
        )
    else:
        test_start, validation_start, notes = _cut_by_rows(panel, share, rows, validation, horizon)
    split = Split(panel.offsets, validation_start, test_start, tuple(notes))
    _check_parts(split, panel, horizon, test)
    return Split(panel.offsets, validation_start, test_start, (*notes, *_short_series(split, horizon)))


def _read_test(test: str, time_zone: str | None) -> tuple[float | None, int | None, np.datetime64 | None]:
    """A share, a number of rows, or a date, in UTC where the panel has a time zone."""
    try:
        share = float(test)
    except ValueError:
        share = None
    if share is not None and 0 < share < 1:
        return share, None, None
    if test.strip().isdecimal() and 0 < int(test) < 1000:
        return None, int(test), None
    try:
        date = np.datetime64(test.strip().replace("/", "-"), "us")
    except ValueError:
        date = np.datetime64("NaT")
    if np.isnat(date) or (share is not None and not 1000 <= share <= 9999):
        raise ConfigError(
            f"test is {test!r}; the last share of the rows such as 0.2, a number of rows below 1000 such as 48, or the "
            "first date of the test part such as 2014-01-01 is expected."
        )
    if time_zone is not None:
        offset = date.astype(datetime).replace(tzinfo=ZoneInfo(time_zone)).utcoffset()
        date = date - np.timedelta64(offset or timedelta())
    return None, None, date


def _check_lengths(panel: Panel, horizon: int) -> None:
    lengths = panel.lengths
    longest = int(lengths.argmax())
    # One row to start from, and the horizon once for each part.
    needed = 3 * horizon + 1
    if lengths[longest] < needed:
        name = f"Series {panel.series[longest]!r}, the longest," if panel.num_series > 1 else "The series"
        largest = max((int(lengths[longest]) - 1) // 3, 1)
        raise DataError(
            f"{name} has {lengths[longest]} rows; horizon {horizon} needs {needed}: the horizon once each for "
            f"training, validation and test, and one row before. Use --horizon {largest} or less, or a longer file."
        )


def _cut_by_rows(
    panel: Panel, share: float | None, rows: int | None, validation: float, horizon: int
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    lengths = panel.lengths
    wanted = np.full(len(lengths), rows) if share is None else np.rint(share * lengths).astype(np.int64)
    test_rows = np.maximum(wanted, horizon)
    test_rows = np.where(test_rows + horizon + 1 <= lengths, test_rows, 0)
    validation_rows = np.maximum(np.rint(validation * lengths).astype(np.int64), horizon)
    validation_rows = np.where(test_rows + validation_rows + horizon + 1 <= lengths, validation_rows, 0)
    test_start = panel.offsets[1:] - test_rows
    last = f"{rows} rows" if share is None else f"{share:.0%}"
    notes = [f"Each series is cut by its rows: the last {last} for the test, {validation:.0%} before for validation."]
    if panel.time.dtype.kind == "M" and panel.num_series > 1:
        notes.append("One series' test rows may be older than rows of another that were learnt from.")
    if np.any((test_rows > wanted) | (validation_rows > np.rint(validation * lengths))):
        notes.append(f"Parts that were shorter than the horizon grew to {horizon} rows.")
    return test_start, test_start - validation_rows, notes


def _cut_by_calendar(
    panel: Panel, share: float | None, date: np.datetime64 | None, validation: float, horizon: int
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    num_rows = panel.num_rows
    notes = []
    if date is None:
        assert share is not None
        date = _time_of_share(panel.time, num_rows - round(share * num_rows))
        date, grown = _grow(panel, date, panel.offsets[1:], horizon)
        notes += [f"The test part grew to {horizon} rows, the horizon; {share:.0%} of the rows was less."] * grown
    test_start = _first_rows_from(panel, date)
    before = int((test_start - panel.offsets[:-1]).sum())
    wanted = round(validation * num_rows)
    cut = _time_of_share(panel.time[panel.time < date], before - wanted) if 0 < before else date
    cut, grown = _grow(panel, cut, test_start, horizon)
    notes += [
        f"The validation part grew to {horizon} rows, the horizon; {validation:.0%} of the rows was less."
    ] * grown
    validation_start = np.minimum(_first_rows_from(panel, cut), test_start)
    notes.insert(0, f"Validation begins at {_say(cut)}, the test part at {_say(date)}.")
    return test_start, validation_start, notes


def _time_of_share(time: np.ndarray, index: int) -> np.datetime64:
    """The time that `index` rows come before."""
    index = min(max(index, 0), len(time) - 1)
    return np.partition(time, index)[index]


def _first_rows_from(panel: Panel, cut: np.datetime64) -> np.ndarray:
    """The row of each series from which on times are at or after the cut; its end where there is none, (S,)."""
    earlier = np.append(0, np.cumsum(panel.time < cut))
    return panel.offsets[:-1] + earlier[panel.offsets[1:]] - earlier[panel.offsets[:-1]]


def _grow(panel: Panel, cut: np.datetime64, end: np.ndarray, horizon: int) -> tuple[np.datetime64, bool]:
    """An earlier cut if it takes one for half of the series between cut and `end` to hold a window there."""
    start = _first_rows_from(panel, cut)
    present = (end > start) & (end - horizon > panel.offsets[:-1])
    if not present.any():
        # Nobody who is there is long enough: take all who are long enough by `end`.
        present = end - horizon > panel.offsets[:-1]
    if not present.any() or np.mean((end - start)[present] >= horizon) >= 0.5:
        return cut, False
    latest = panel.time[(end - horizon)[present]]
    return min(cut, np.sort(latest)[(len(latest) - 1) // 2]), True


def _check_parts(split: Split, panel: Panel, horizon: int, test: str) -> None:
    for part in ("test", "validation", "training"):
        start, end = split.bounds(part)
        rows = int((end - start).max(initial=0))
        # Training needs a row to start from besides the horizon.
        needed = horizon + (part == "training")
        if rows < needed:
            times = panel.time
            span = f"The times run from {_say(times.min())} to {_say(times.max())}. " if times.dtype.kind == "M" else ""
            raise DataError(
                f"The {part} part has at most {rows} rows in any series; horizon {horizon} needs {needed} "
                f"(test {test}). {span}Choose another --test, a shorter --horizon, or a longer file."
            )


def _short_series(split: Split, horizon: int) -> list[str]:
    notes = []
    num_series = len(split.offsets) - 1
    for part in ("training", "validation", "test"):
        start, end = split.bounds(part)
        short = int(np.sum(end - start < horizon + (part == "training")))
        if short:
            notes.append(f"{short} of {num_series} series are too short for a window in the {part} part.")
    return notes


def _say(time: np.datetime64) -> str:
    """The time without a clock where it's midnight."""
    text = np.datetime_as_string(time, unit="s").replace("T", " ")
    return text.removesuffix(" 00:00:00")
