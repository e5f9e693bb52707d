from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from recurra.data._numbers import Numbers, is_missing, is_numeric, is_text, numbers
from recurra.data._table import Table
from recurra.data._words import counted
from recurra.errors import DataError

MOST_CATEGORIES = 50
_FEW_ODD = 0.95
_ID = re.compile(r"(^|_|\b)(id|idx|index|no|nr|num|row|rowid|uuid|编号|序号)$", re.IGNORECASE)
_SENTINELS = (-9999.0, -999.0, -99999.0, 99999.0, 999999.0)


@dataclass(frozen=True)
class Feature:
    """A column ready for the panel: numbers with NaN where missing, or codes with 0 where missing or never seen."""

    name: str
    values: np.ndarray | None = None  # (N,) float64
    codes: np.ndarray | None = None  # (N,) int64
    categories: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        """How many values are missing."""
        return int(np.isnan(self.values).sum()) if self.values is not None else int((self.codes == 0).sum())


@dataclass
class Chooser:
    """Decides which of the columns nobody spoke of are of use, and remembers why others aren't."""

    targets: Sequence[np.ndarray]
    series: np.ndarray
    num_series: int
    dropped: list[tuple[str, str]] = field(default_factory=list)

    def take(self, column: pl.Series, table: Table) -> Feature | None:
        """The column as a feature, or None with a reason."""
        feature = self._as_feature(column, table)
        if isinstance(feature, Feature):
            return feature
        self.dropped.append((column.name, feature))
        return None

    def _as_feature(self, column: pl.Series, table: Table) -> Feature | str:
        if not is_numeric(column) and not is_text(column):
            return "a second time" if column.dtype.is_temporal() else f"{column.dtype} isn't a number or a word"
        if is_text(column):
            read = numbers(column, decimal_comma=table.decimal_comma)
            if read.share < 1:
                present = column.cast(pl.String)
                present = present.filter(~is_missing(present)).str.strip_chars().unique()
                unlike = len(present) > max(2, len(column) // 2)
                if len(present) <= MOST_CATEGORIES and not unlike:
                    return _categorical(column) if len(present) > 1 else "constant" if len(present) else "empty"
                if read.share < _FEW_ODD:
                    if unlike:
                        return "a different word in almost every row"
                    return f"text of {len(present):,} kinds"
        else:
            read = numbers(column)
        return self._numeric(column, read, table)

    def _numeric(self, column: pl.Series, read: Numbers, table: Table) -> Feature | str:
        values = read.values
        present = values[~np.isnan(values)]
        if not present.size:
            return "empty"
        if present.min() == present.max():
            return "constant"
        if any(np.array_equal(values.astype(np.float32), target, equal_nan=True) for target in self.targets):
            return "the same as the target"
        if self._counts(values, present, column.name):
            return "a row counter or id"
        return _numeric(column, read, table)

    def _counts(self, values: np.ndarray, present: np.ndarray, name: str) -> bool:
        """Whether the numbers count rows or series instead of measuring something."""
        if present.size != values.size or values.size < 5 or np.any(present % 1):
            return False
        steps = np.diff(values)
        if np.all(steps == 1):
            return True
        if self.num_series > 1:
            order = np.argsort(self.series, kind="stable")
            inside = np.diff(self.series[order]) == 0
            by_series = np.diff(values[order])[inside]
            if by_series.size and np.all(by_series == 1):
                return True
            spread = values.max() - values.min()
            if not np.any(by_series) and spread == self.num_series - 1 and np.unique(values).size == self.num_series:
                return True
        if values.max() - values.min() == values.size - 1 or _ID.search(name.strip()):
            return np.unique(values).size == values.size
        return False


def explicit(column: pl.Series, table: Table, part: str) -> Feature:
    """A column that the user named: numeric where it holds numbers, else categories."""
    if not is_numeric(column) and not is_text(column):
        raise DataError(f"{table.name}: {part} column {column.name!r} holds {column.dtype}; expected numbers or words.")
    read = numbers(column, decimal_comma=table.decimal_comma)
    if is_text(column) and read.share < 1:
        kinds = column.cast(pl.String).n_unique()
        if read.share < _FEW_ODD or kinds <= MOST_CATEGORIES:
            if read.share == 0 and not read.bad.size:
                return Feature(column.name, values=read.values)
            if kinds > 10_000:
                raise DataError(
                    f"{table.name}: {part} column {column.name!r} holds {kinds:,} different words; "
                    "at most 10,000 can be told apart."
                )
            return _categorical(column)
    return _numeric(column, read, table)


def as_fitted(column: pl.Series, table: Table, categories: tuple[str, ...] | None) -> Feature:
    """A column read as it was when the model was fitted: numbers, or codes of the categories known then."""
    if categories is not None:
        return _categorical(column, categories)
    return _numeric(column, numbers(column, decimal_comma=table.decimal_comma), table)


def target_numbers(column: pl.Series, table: Table) -> Feature:
    """A target, which must hold nothing but numbers and words for missing."""
    name = column.name
    if not is_numeric(column) and not is_text(column):
        raise DataError(f"{table.name}: target {name!r} holds {column.dtype}; expected numbers.")
    read = numbers(column, decimal_comma=table.decimal_comma)
    if read.bad.size:
        at = int(read.bad[0])
        more = f" ({read.bad.size:,} values like this)" if read.bad.size > 1 else ""
        raise DataError(
            f"{table.row(at)}: target {name!r} is {column[at]!r}, which isn't a number{more}. "
            "Clear the value if it means missing, or name another --target."
        )
    return _numeric(column, read, table)


def _numeric(column: pl.Series, read: Numbers, table: Table) -> Feature:
    values, notes = read.values, list(read.notes)
    infinite = np.isinf(values)
    if infinite.any():
        at = int(np.flatnonzero(infinite)[0])
        raise DataError(
            f"{table.row(at)}: {column.name} is infinite ({column[at]}); expected finite numbers. "
            "Clear or mend the value."
        )
    large = np.abs(values) > np.finfo(np.float32).max
    if large.any():
        at = int(np.flatnonzero(large)[0])
        raise DataError(
            f"{table.row(at)}: {column.name} is {column[at]}, beyond what 32-bit floats hold (3.4e38). "
            "Use larger units."
        )
    if read.bad.size:
        at = int(read.bad[0])
        first = f"first {column[at]!r} in {table.row(at).rsplit(', ', 1)[1]}"
        notes.append(f"{column.name}: {counted(read.bad.size, 'value')} read as missing, not being numeric ({first}).")
    for sentinel in _SENTINELS:
        count = int(np.count_nonzero(values == sentinel))
        if count > 1 and sentinel in (np.nanmin(values), np.nanmax(values)):
            notes.append(
                f"{column.name} is {sentinel:.0f} in {count:,} rows; if that means missing, clear those values."
            )
    return Feature(column.name, values=values, notes=tuple(notes))


def _categorical(column: pl.Series, categories: tuple[str, ...] | None = None) -> Feature:
    if column.dtype.is_float() and bool((column.drop_nulls().drop_nans() % 1 == 0).all()):
        column = column.cast(pl.Int64, strict=False)
    words = column.cast(pl.String).str.strip_chars()
    absent = is_missing(words)
    notes: tuple[str, ...] = ()
    kinds = words.filter(~absent).unique().sort().to_list()
    if categories is None:
        categories = tuple(kinds)
    else:
        unseen = [kind for kind in kinds if kind not in set(categories)]
        if unseen:
            shown = ", ".join(map(repr, unseen[:5])) + (", ..." if len(unseen) > 5 else "")
            notes = (f"{column.name}: {shown} never seen when the model was fitted; treated as missing.",)
    if not categories:
        return Feature(column.name, codes=np.zeros(len(words), np.int64), notes=notes)
    codes = words.set(absent, None).replace_strict(
        list(categories), range(1, len(categories) + 1), default=0, return_dtype=pl.Int64
    )
    return Feature(column.name, codes=codes.fill_null(0).to_numpy(), categories=categories, notes=notes)
