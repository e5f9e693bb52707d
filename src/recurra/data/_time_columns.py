from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import polars as pl

from recurra.data._numbers import is_text, numbers
from recurra.data._table import Table
from recurra.data._time_formats import has_clock, orders
from recurra.data._time_parts import PARTS

_WHOLE = (
    "datetime date_time timestamp date time ds time_stamp utc_time local_time day month week quarter year period "
    "日期时间 时间戳 日期 时间 年月日 年月 月份 月 季度 年份 年度 年 datum zeit fecha data t"
).split()
_STEPS = frozenset({"time_idx", "timeidx", "time_index", "time_step", "timestep", "step"})
_WITHIN = ("timestamp", "datetime", "date", "time", "日期", "时间")
_CLOCKS = PARTS["hour"] | {"time", "clock", "时间", "time_of_day"}
_RANGES = {
    "year": (1000, 2999),
    "quarter": (1, 4),
    "month": (1, 12),
    "day": (1, 31),
    "hour": (0, 24),
    "minute": (0, 59),
    "second": (0, 60),
}
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp][Mm])?|\d{1,2}\.\d{2}\.\d{2}")


def find_time(table: Table, taken: Collection[str], *, several: bool) -> tuple[str, ...]:
    """The column or columns that hold the time, told by name and by content; none if there seem to be none.

    `several` says that there are several series, so that times may repeat.
    """
    head = table.head()
    free = [name for name in table.columns if name not in taken]
    moments = [
        name
        for name in free
        if head[name].dtype.is_temporal() and head[name].dtype != pl.Time and head[name].dtype != pl.Duration
    ]
    named = sorted((name for name in free if _rank(name) < len(_WHOLE) + len(_WITHIN)), key=_rank)
    for name in named:
        if name in moments:
            return (name,)
    parts = _found_parts(head, free)
    for name in named:
        if name in parts.values() and len(parts) > 1:
            continue
        years = head[name].n_unique() < head.height and all(len(str(word)) == 4 for word in head[name])
        if years and not several:
            continue
        if _reads(head[name], hinted=True):
            return _with_clock(head, name, free)
    if moments:
        return (moments[0],)
    if len(parts) > 1:
        return tuple(parts.values())
    for name in free:
        if _reads(head[name], hinted=False):
            return _with_clock(head, name, free)
    # A name that promises a time whose values can't be read: the caller tells why it isn't taken.
    steps = [name for name in free if is_step_name(name) and _in_range(head[name], -(2**53), 2**53)]
    unread = [name for name in named if is_text(head[name]) and not numbers(head[name]).share]
    return tuple((steps or unread)[:1])


def is_step_name(name: str) -> bool:
    """Whether a column is called what people call a count of steps."""
    return name.casefold().strip() in _STEPS


def _rank(name: str) -> int:
    folded = name.casefold().strip()
    if folded in _WHOLE:
        return _WHOLE.index(folded)
    words = re.split(r"[^a-z\u4e00-\u9fff]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).casefold())
    for place, hint in enumerate(_WITHIN):
        if (
            hint in words
            or (not hint.isascii() and hint in folded)
            or (len(hint) == 4 and folded.endswith(hint) and hint == "date")
        ):
            return len(_WHOLE) + place
    return len(_WHOLE) + len(_WITHIN)


def _found_parts(head: pl.DataFrame, free: Sequence[str]) -> dict[str, str]:
    """Year and month and so on, each in a column of its own, without a step left out."""
    found: dict[str, str] = {}
    for part, words in PARTS.items():
        name = next(
            (name for name in free if name.casefold().strip() in words and _in_range(head[name], *_RANGES[part])), None
        )
        if name is None and part != "quarter":
            break
        if name is not None and not (part == "month" and "quarter" in found):
            found[part] = name
    return found if {"year", "month"} <= set(found) or {"year", "quarter"} <= set(found) else {}


def _in_range(column: pl.Series, low: int, high: int) -> bool:
    values = column.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    return values.null_count() == 0 and bool(values.is_between(low, high).all()) and bool((values % 1 == 0).all())


def _reads(column: pl.Series, *, hinted: bool) -> bool:
    """Whether the first rows are times; without a telling name only full dates count."""
    if not is_text(column) and not column.dtype.is_integer():
        return False
    words = [word for word in column.cast(pl.String).str.strip_chars().unique(maintain_order=True).to_list() if word]
    if len(words) < min(2, column.len()) and not hinted:
        return False
    forms = orders(words)
    epochs = hinted and bool(words) and all(re.fullmatch(r"\d{9,19}(\.\d+)?", word) for word in words)
    if not forms:
        return epochs
    whole = all(part in form for part in ("%Y", "%d") for form in next(iter(forms.values())))
    digits = all(word.isdecimal() for word in words)
    if digits:
        years = [int(word[:4]) for word in words]
        months = [int(word[4:6] or 1) for word in words]
        plausible = all(1500 <= year <= 2500 for year in years) and all(1 <= month <= 12 for month in months)
        return epochs or (
            plausible and (hinted or (len(words[0]) == 8 and all(1 <= int(word[6:8]) <= 31 for word in words)))
        )
    return hinted or whole


def _with_clock(head: pl.DataFrame, name: str, free: Sequence[str]) -> tuple[str, ...]:
    """A date column together with the column that holds its hour or time of day, where there is one."""
    words = head[name].cast(pl.String).unique().drop_nulls().to_list()
    forms = next(iter(orders(words).values()), ())
    if not forms or has_clock(forms) or any("%d" not in form for form in forms):
        return (name,)
    for other in free:
        if other != name and other.casefold().strip() in _CLOCKS and head[other].n_unique() > 1:
            if is_clock(head[other]) or _in_range(head[other], 0, 24):
                return (name, other)
    return (name,)


def is_clock(column: pl.Series) -> bool:
    """Whether a column holds times of day such as 13:30."""
    if column.dtype == pl.Time:
        return True
    return is_text(column) and all(_CLOCK.fullmatch(word.strip()) for word in column.unique().drop_nulls().to_list())
