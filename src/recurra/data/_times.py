from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from recurra.data._numbers import is_missing
from recurra.data._table import Table
from recurra.data._time_columns import find_time, is_clock, is_step_name
from recurra.data._time_formats import parse
from recurra.data._time_parts import part_names
from recurra.data._time_text import Unreadable, read_text
from recurra.errors import DataError

_EPOCHS = (
    ("epoch_s", 1e8, 1e11, 1_000_000),
    ("epoch_ms", 1e11, 1e14, 1000),
    ("epoch_us", 1e14, 1e17, 1),
    ("epoch_ns", 1e17, 1e19, 1),
)
_COMPACT = {8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S", 6: "%Y%m", 4: "%Y"}
_ENDING = ", hours 1 to 24"
_OFFSETS = {
    "+05:30": "Asia/Kolkata",
    "+05:45": "Asia/Kathmandu",
    "+04:30": "Asia/Kabul",
    "+06:30": "Asia/Yangon",
    "+09:30": "Australia/Darwin",
}


@dataclass(frozen=True)
class Times:
    """When each row was: microseconds since 1970, in UTC where there is a zone, or whole steps."""

    columns: tuple[str, ...]  # ("none",) for the order of rows
    values: np.ndarray | None  # (N,) int64; None for the order of rows
    blank: np.ndarray  # positions of rows without a time
    form: str | None  # what Schema.time_format says
    zone: str | None
    notes: tuple[str, ...] = ()

    @property
    def is_clock(self) -> bool:
        """Whether the values are moments rather than a count of steps."""
        return self.values is not None and self.form != "step"


def read_times(
    table: Table,
    names: tuple[str, ...] | None,
    *,
    taken: Collection[str],
    form: str | None = None,
    zone: str | None = None,
    several: bool = False,
) -> Times:
    """The time of every row from the named columns, or from the ones that look like it; `form` and `zone` bind."""
    if names == ("none",) and "none" not in table.columns:
        return _by_order(())
    if names is not None:
        try:
            return _read(table, table.resolve(names, "time"), form, zone)
        except Unreadable as error:
            raise DataError(str(error)) from None
    found = find_time(table, taken, several=several)
    if not found:
        return _by_order(
            ("No column holds the time, so rows are taken in the order they stand; name one with --time.",)
        )
    try:
        times = _read(table, found, form, zone)
        if times.form == "step" and not is_step_name(found[0]):
            return _by_order(
                (
                    f"{found[0]} counts instead of telling a date, so rows are taken in the order they stand; "
                    f"--time {found[0]} counts its numbers as steps.",
                )
            )
    except Unreadable as error:
        if error.share >= 0.5:
            raise DataError(f"{error} Mend it, or pass --time none to take rows in the order they stand.") from error
        return _by_order(
            (
                f"{', '.join(found)} looks like the time but can't be read as one ({error.value!r}), "
                "so rows are taken in the order they stand; --time-format says how it is written.",
            )
        )
    return Times(
        times.columns,
        times.values,
        times.blank,
        times.form,
        times.zone,
        (f"The time is taken from {', '.join(found)}; --time names another column.", *times.notes),
    )


def _by_order(notes: tuple[str, ...]) -> Times:
    return Times(("none",), None, np.zeros(0, np.int64), None, None, notes)


def _read(table: Table, names: tuple[str, ...], form: str | None, zone: str | None) -> Times:
    label = ", ".join(names)
    frame = table.fetch(names)
    notes: list[str] = []
    ending = ""
    if len(names) > 1:
        parts = part_names(names) or _by_position(names, frame)
        frame, ending = _from_midnight(frame, parts, form, notes)
        form = form.removesuffix(ending) if form else None
        column = _joined_parts(frame, parts) if parts else _joined_clock(frame, names)
        form = "%Y-%m-%d %H:%M:%S" if parts else form if form != "parts" else None
        shown = "parts" if parts else None
    else:
        column, shown = frame.to_series(), None
    del frame
    if column.dtype in (pl.Time, pl.Duration) or column.dtype == pl.Boolean or column.dtype.is_nested():
        raise DataError(
            f"{table.name}: {label} holds {column.dtype}; expected dates or times. Name another with --time."
        )
    if column.dtype.is_temporal():
        values, zone = _typed(column, zone, notes)
        return _finished(names, values, column.is_null(), "iso", zone, notes)
    text, blank = _as_text(column)
    present = text.drop_nulls()
    if not len(present):
        raise Unreadable(f"{table.name}: {label} is empty in every row; expected dates or times.", "", 0.0)
    if (form is not None and form.startswith("epoch")) or form == "step":
        return _finished(names, _whole(text, form, table, label), blank, form, zone, notes)
    number = None if form else _number_form(present)
    if number is not None and not number.startswith("%"):
        return _finished(names, _whole(text, number, table, label), blank, number, "UTC" if zone else None, notes)
    candidates = {"given": tuple(form.split("|"))} if form and form != "iso" else {"ymd": (number,)} if number else {}
    parsed, formats = read_text(text, blank, candidates, table, label, notes)
    values, zone = _zoned(parsed, text, formats, zone, notes)
    return _finished(names, values, blank, (shown or "|".join(formats)) + ending, zone, notes)


def _finished(
    names: tuple[str, ...], values: pl.Series, blank: pl.Series, form: str, zone: str | None, notes: Sequence[str]
) -> Times:
    missing = blank.arg_true().to_numpy().astype(np.int64)
    return Times(names, values.fill_null(0).to_numpy(), missing, form, zone, tuple(notes))


def _as_text(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    if column.dtype.is_float() and bool((column.drop_nulls().drop_nans() % 1 == 0).all()):
        column = column.fill_nan(None).cast(pl.Int64, strict=False)
    text = column.cast(pl.String)
    if text.null_count() == 0 and bool(text.str.contains(r"^\s*\d").all()):
        return text, pl.repeat(False, len(text), eager=True, dtype=pl.Boolean)
    blank = is_missing(text)
    return text.set(blank, None), blank


def _by_position(names: tuple[str, ...], frame: pl.DataFrame) -> dict[str, str] | None:
    """Year, month, day, ... in this order, when all columns are whole numbers and the first looks like years."""
    whole = frame.select(pl.all().cast(pl.String).str.strip_chars().cast(pl.Int64, strict=False))
    if any(whole[name].null_count() for name in names) or not bool(whole[names[0]].is_between(1000, 2999).all()):
        return None
    return dict(zip(("year", "month", "day", "hour", "minute", "second"), names, strict=False))


def _joined_parts(frame: pl.DataFrame, parts: dict[str, str]) -> pl.Series:
    """Dates built from their parts, written out so that a wrong one can be shown."""

    def part(name: str, default: str, width: int = 2) -> pl.Expr:
        if name not in parts:
            return pl.lit(default)
        text = pl.col(parts[name]).cast(pl.String).str.strip_chars().str.replace(r"\.0+$", "")
        return text.str.zfill(width)

    month = part("month", "01")
    if "quarter" in parts and "month" not in parts:
        month = (
            (part("quarter", "1").str.replace("^0?Q?", "").cast(pl.Int64, strict=False) * 3 - 2)
            .cast(pl.String)
            .str.zfill(2)
        )
    pieces = [
        part("year", "", 4),
        "-",
        month,
        "-",
        part("day", "01"),
        " ",
        part("hour", "00"),
        ":",
        part("minute", "00"),
        ":",
        part("second", "00"),
    ]
    joined = pl.concat_str([pl.lit(piece) if isinstance(piece, str) else piece for piece in pieces])
    return frame.select(joined.alias(", ".join(parts.values()))).to_series()


def _joined_clock(frame: pl.DataFrame, names: tuple[str, ...]) -> pl.Series:
    """A date and a time of day, in columns of their own, as one text."""
    columns = []
    for name in names:
        column = frame[name]
        if column.dtype in (pl.Date, pl.Datetime):
            text = column.dt.to_string("%Y-%m-%d")
        else:
            text = column.cast(pl.String).str.strip_chars()
        if is_clock(column):
            text = text.str.replace(r"^(\d{1,2})\.(\d{2})\.(\d{2})$", "$1:$2:$3")
        elif not column.dtype.is_temporal():
            text = text.str.replace(r"\.0+$", "")
        columns.append(text.str.zfill(2))
    return pl.select(pl.concat_str(columns, separator=" ").alias(", ".join(names))).to_series()


def _from_midnight(
    frame: pl.DataFrame, parts: dict[str, str] | None, form: str | None, notes: list[str]
) -> tuple[pl.DataFrame, str]:
    """Hours that run from 1 to 24, as in records of what was used by the end of each, as 0 to 23.

    The second value is what `Schema.time_format` ends with then, so that a later file with fewer hours is read alike.
    """
    name = parts.get("hour") if parts else frame.columns[-1]
    if name is None or frame[name].dtype.is_temporal():
        return frame, ""
    text = frame[name].cast(pl.String).str.strip_chars().str.replace(r"\.0+$", "")
    hours = text.cast(pl.Int64, strict=False)
    found = form is None and (hours.min(), hours.max()) == (1, 24)
    if hours.null_count() > text.null_count() or not (found or (form or "").endswith(_ENDING)):
        return frame, ""
    notes.append(f"{name} runs from 1 to 24; hour 1 is read as 00:00.")
    return frame.with_columns((hours - 1).cast(pl.String).alias(name)), _ENDING


def _typed(column: pl.Series, zone: str | None, notes: list[str]) -> tuple[pl.Series, str | None]:
    own = column.dtype.time_zone if isinstance(column.dtype, pl.Datetime) else None
    moments = (
        column.cast(pl.Datetime("us", own)) if isinstance(column.dtype, pl.Datetime) else column.cast(pl.Datetime("us"))
    )
    return _in_zone(moments, own, zone, notes)


def _in_zone(moments: pl.Series, own: str | None, zone: str | None, notes: list[str]) -> tuple[pl.Series, str | None]:
    """Microseconds in UTC and the zone to remember; `zone`, if bound, says how times without one are meant."""
    if own is None and zone is not None:
        notes.append(f"Times carry no zone and are read as {zone}, as when the model was fitted.")
        moments = moments.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        own = zone
    return moments.dt.epoch("us"), zone or own


def _whole(text: pl.Series, form: str, table: Table, label: str) -> pl.Series:
    numbers = text.str.strip_chars().cast(pl.Float64, strict=False)
    wrong = (numbers.is_null() & text.is_not_null()).arg_true()
    if len(wrong):
        at = int(wrong[0])
        raise Unreadable(
            f"{table.row(at)}: {label} is {text[at]!r}; expected a number like {text.drop_nulls()[0]!r}.", text[at], 0.0
        )
    if form == "step":
        return numbers.cast(pl.Int64)
    exact = text.str.strip_chars().cast(pl.Int64, strict=False)
    scale = {name: scale for name, _, _, scale in _EPOCHS}[form]
    if form == "epoch_ns":
        return exact // 1000
    return exact * scale if exact.null_count() == text.null_count() else (numbers * scale).round().cast(pl.Int64)


def _number_form(text: pl.Series) -> str | None:
    """How a column of nothing but digits counts time: dates without signs, seconds since 1970, or steps."""
    stripped = text.str.strip_chars()
    numbers = stripped.cast(pl.Float64, strict=False)
    if numbers.null_count() or bool(stripped.str.contains("[eE]").any()):
        return None
    whole = stripped.cast(pl.Int64, strict=False)
    low, high = float(numbers.min()), float(numbers.max())  # pyright: ignore[reportArgumentType]
    if not whole.null_count():
        widths = stripped.str.len_chars().unique().to_list()
        form = _COMPACT.get(widths[0]) if len(widths) == 1 else None
        if form is not None:
            read = parse(stripped, [form])
            if read.null_count() == 0 and bool(read.dt.year().is_between(1500 if widths[0] <= 8 else 1900, 2500).all()):
                return form
    for name, least, most, _ in _EPOCHS:
        if least <= low and high < most:
            return name
    return "step" if not whole.null_count() else None


def _zoned(
    parsed: pl.Series, text: pl.Series, formats: tuple[str, ...], zone: str | None, notes: list[str]
) -> tuple[pl.Series, str | None]:
    """The zone of times that are written with their distance from UTC."""
    own = parsed.dtype.time_zone if isinstance(parsed.dtype, pl.Datetime) else None
    if own is None or zone is not None:
        return _in_zone(parsed, own, zone, notes)
    written = text.str.extract(r"([+-]\d{2}:?\d{2}|[+-]\d{2})\s*$").drop_nulls().unique().to_list()
    offsets = {_offset(word) for word in written} or {"+00:00"}
    if len(offsets) > 1:
        notes.append(
            f"Times are written at several distances from UTC ({', '.join(sorted(offsets))}); they are read as UTC."
        )
        return _in_zone(parsed, "UTC", None, notes)
    offset = offsets.pop()
    hours = int(offset[:3])
    if offset in ("+00:00", "-00:00"):
        named = "UTC"
    elif offset.endswith(":00"):
        named = f"Etc/GMT{-hours:+d}"
    else:
        named = _OFFSETS.get(offset, "UTC")
        notes.append(f"Times are at {offset} from UTC; they are kept as {named}.")
    return _in_zone(parsed, named, None, notes)


def _offset(word: str) -> str:
    digits = re.sub(r"\D", "", word).ljust(4, "0")
    return f"{word[0]}{digits[:2]}:{digits[2:4]}"


def moment(value: int, *, zone: str | None = None, daily: bool = False) -> str:
    """Microseconds since 1970 as a person writes them, without needless zeros; `daily` drops midnight."""
    when = pl.Series([int(value)]).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(zone or "UTC")
    text = when.dt.replace_time_zone(None).item().isoformat(sep=" ")
    if daily and text.endswith(" 00:00:00"):
        return text[:10]
    return text[:16] if text.endswith(":00") and len(text) == 19 else text
