from __future__ import annotations

import polars as pl

from recurra.data._table import Table
from recurra.data._time_formats import orders, parse
from recurra.errors import DataError


class Unreadable(DataError):
    """A time that can't be read, and how much of the column can."""

    def __init__(self, message: str, value: str, share: float) -> None:
        super().__init__(message)
        self.value = value
        self.share = share


def read_text(
    text: pl.Series,
    blank: pl.Series,
    candidates: dict[str, tuple[str, ...]],
    table: Table,
    label: str,
    notes: list[str],
) -> tuple[pl.Series, tuple[str, ...]]:
    """Read text by the formats given, else by all that the values allow; day or month first is decided by all rows."""
    derived = orders(text.drop_nulls().head(2000).unique(maintain_order=True).to_list())
    if not candidates:
        candidates = derived
    elif "given" in candidates and "ymd" in derived:
        # A later file may write the same times in the international way, which can't be misunderstood.
        either = dict.fromkeys((*candidates["given"], *derived["ymd"]))
        candidates = {**candidates, "given or international": tuple(either)}
    results: dict[str, pl.Series] = {}
    for order, formats in list(candidates.items()):
        read, formats = _with_later_formats(text, order, formats)
        candidates[order], results[order] = formats, read
    failures = {order: int((read.is_null() & ~blank).sum()) for order, read in results.items()}
    whole = [order for order, count in failures.items() if not count]
    if not whole:
        raise _failure(text, blank, results, failures, candidates, table, label)
    best = whole[0]
    if len(whole) > 1 and {"dmy", "mdy"} <= set(whole):
        best, sure = _more_even(results)
        first, second = ("day", "month") if best == "dmy" else ("month", "day")
        reason = "which makes the steps even" if sure else "as in most of the world"
        other = candidates["mdy" if best == "dmy" else "dmy"][0]
        notes.append(
            f"{label}: {text.drop_nulls()[0]!r} could be {first} or {second} first in every row; "
            f"read {first} first, {reason}. --time-format {other} reads it {second} first."
        )
    elif best in ("dmy", "mdy") and "mdy" in candidates and "dmy" in candidates:
        notes.append(f"{label} is written {'day' if best == 'dmy' else 'month'} first, as the values prove.")
    return results[best], candidates[best]


def _with_later_formats(text: pl.Series, order: str, formats: tuple[str, ...]) -> tuple[pl.Series, tuple[str, ...]]:
    """Read by `formats` and, where rows beyond the first ones are written otherwise, by theirs too."""
    read = _sane(parse(text, formats))
    for _ in range(4):
        left = text.filter(read.is_null() & text.is_not_null()).head(1000).unique(maintain_order=True).to_list()
        more = orders(left).get(order, ()) if left and order in ("ymd", "dmy", "mdy") else ()
        if not set(more) - set(formats):
            break
        formats = tuple(dict.fromkeys((*formats, *more)))
        read = _sane(parse(text, formats))
    return read, formats


def _sane(read: pl.Series) -> pl.Series:
    """Years of one to three digits are misreadings."""
    return read.set(read.dt.year() < 1000, None) if len(read) and bool((read.dt.year() < 1000).any()) else read


def _more_even(results: dict[str, pl.Series]) -> tuple[str, bool]:
    """Which of day first and month first gives fewer different steps; day first when equal."""
    kinds = {order: _kinds_of_steps(results[order].unique().sort()) for order in ("dmy", "mdy")}
    return ("mdy" if kinds["mdy"] < kinds["dmy"] else "dmy"), kinds["mdy"] != kinds["dmy"]


def _kinds_of_steps(times: pl.Series) -> int:
    """How many different steps there are, in months where all rows lie on one day of the month."""
    if times.dt.day().n_unique() == 1:
        return (times.dt.year().cast(pl.Int64) * 12 + times.dt.month()).diff().n_unique()
    return times.diff().n_unique()


def _failure(
    text: pl.Series,
    blank: pl.Series,
    results: dict[str, pl.Series],
    failures: dict[str, int],
    candidates: dict[str, tuple[str, ...]],
    table: Table,
    label: str,
) -> Unreadable:
    present = int((~blank).sum())
    if not results:
        odd = [word for word in text.drop_nulls().head(2000).to_list() if not orders([word])]
        value = odd[0] if odd else text.drop_nulls()[0]
        at = int((text == value).arg_true()[0])
        share = 1 - len(odd) / max(min(present, 2000), 1) if odd else 0.0
        return Unreadable(_sentence(table.row(at), label, value), value, share)
    best = min(failures, key=lambda order: failures[order])
    at = int((results[best].is_null() & ~blank).arg_true()[0])
    read = results[best].is_not_null().arg_true()
    example = f" Others are written like {text[int(read[0])]!r}." if len(read) else ""
    share = 1 - failures[best] / max(present, 1)
    return Unreadable(_sentence(table.row(at), label, text[at]) + example, text[at], share)


def _sentence(row: str, label: str, value: str) -> str:
    expected = "expected for instance 2015-01-31 or 2015-01-31 13:00"
    return f"{row}: {label} is {value!r}, which can't be read as a time; {expected}."
