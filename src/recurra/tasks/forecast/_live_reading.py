"""What is pushed to a forecaster, read: numbers, words and times of one row."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from recurra.data._clock import Clock
from recurra.data._panel import Schema
from recurra.data._preparation import Scaling
from recurra.data._value import is_missing, number, word
from recurra.errors import DataError

_LARGEST = float(np.finfo(np.float32).max)


class Row(NamedTuple):
    """One row as it was given: missing numbers are NaN, missing or unseen words code 0."""

    time: int | None
    target: tuple[float, ...]
    is_empty: bool  # no target has a value
    known: tuple[float, ...]
    known_codes: tuple[int, ...]
    past: tuple[float, ...]
    past_codes: tuple[int, ...]
    static: tuple[float, ...]
    static_codes: tuple[int, ...]


class Reader:
    """Reads pushes: a number for a single target, or a mapping of columns to values as they stand in a table."""

    def __init__(self, schema: Schema, clock: Clock) -> None:
        self.schema, self.clock = schema, clock
        self.columns = columns_of(schema, clock)
        self._allowed = frozenset(self.columns)
        self._ids = frozenset(schema.columns.series)
        self._without: Any = tuple(
            (blank,) * len(getattr(schema, name))
            for part in ("known", "past", "static")
            for name, blank in ((part, math.nan), (f"{part}_categories", 0))
        )
        self._has_only_targets = not any(self._without)
        self._targets = schema.target
        self._codes = {
            name: {kind: code for code, kind in enumerate(kinds, 1)}
            for part in ("known", "past", "static")
            for name, kinds in getattr(schema, f"{part}_categories").items()
        }

    def read(self, x: Any, series: str) -> Row:
        """The row of a series that `x` says. DataError for what isn't one."""
        if isinstance(x, (float, int)) and len(self.schema.target) == 1 and not isinstance(x, bool):
            if -_LARGEST <= x <= _LARGEST:
                return Row(None, (float(x),), False, *self._without)
            if x == x:
                raise _infinite(self.schema.target[0], x)
        if isinstance(x, Mapping):
            return self._of_mapping(x, series)
        if len(self.schema.target) == 1 and (x is None or isinstance(x, (str, float, int, np.number, np.bool))):
            return self._of_mapping({self.schema.target[0]: x}, series)
        raise DataError(
            f"{_shown(x)} was pushed; expected {'a number or ' if len(self.schema.target) == 1 else ''}a mapping of "
            f"the columns {', '.join(self.columns)} to values. Push a row like {example(self.schema, self.clock)}."
        )

    def _of_mapping(self, x: Mapping[str, Any], series: str) -> Row:
        if not x.keys() <= self._allowed:
            strangers = ", ".join(repr(name) for name in x if name not in self._allowed)
            raise DataError(
                f"A row with {strangers} was pushed; the model knows the columns {', '.join(self.columns)}. "
                "Leave the others out."
            )
        schema = self.schema
        if x.keys() <= self._ids:
            raise DataError(
                f"{_shown(dict(x))} was pushed, which says nothing; expected some of {', '.join(self.columns)}. "
                f"Push a row like {example(schema, self.clock)}."
            )
        if self._ids:
            self._check_series(x, series)
        target = tuple([self._target(name, x.get(name)) for name in self._targets])
        time = self.clock.read(x) if self.clock.columns else None
        is_empty = target[0] != target[0] and all([value != value for value in target])
        if self._has_only_targets:
            return Row(time, target, is_empty, *self._without)
        return Row(
            time,
            target,
            is_empty,
            tuple([self._number(name, x.get(name)) for name in schema.known]),
            tuple([self._code(name, x.get(name)) for name in schema.known_categories]),
            tuple([self._number(name, x.get(name)) for name in schema.past]),
            tuple([self._code(name, x.get(name)) for name in schema.past_categories]),
            tuple([self._number(name, x.get(name)) for name in schema.static]),
            tuple([self._code(name, x.get(name)) for name in schema.static_categories]),
        )

    def _check_series(self, x: Mapping[str, Any], series: str) -> None:
        names = self.schema.columns.series
        if not any(name in x for name in names):
            return
        values = [str(x.get(name, "")) for name in names]
        label = series_label([x.get(name, "") for name in names])
        if label != series:
            raise DataError(
                f"A row of series {label!r} was pushed to the session of series {series!r}. "
                f"Open a session for each series, this one with stream(id={values!r}), or on a server with the body "
                f"{json.dumps({'id': values}, ensure_ascii=False)}."
            )

    def _target(self, name: str, value: Any) -> float:
        if isinstance(value, (bool, np.bool)):
            raise DataError(f"{name} is {value}; expected a number. Push 1 or 0 if that is what it means.")
        return self._number(name, value)

    def _number(self, name: str, value: Any) -> float:
        if type(value) is float and -_LARGEST <= value <= _LARGEST:
            return value
        found = number(value)
        if found is None:
            raise DataError(
                f"{name} is {_shown(value)}, which isn't a number. Leave it empty if it means missing, or mend it."
            )
        if -_LARGEST <= found <= _LARGEST or found != found:
            return found
        raise _infinite(name, value)

    def _code(self, name: str, value: Any) -> int:
        if is_missing(value):
            return 0
        known = self._codes[name]
        return known.get(word(value)) or known.get(str(value).strip(), 0)


class RowScaling:
    """A `Scaling` applied to one row at a time, in plain numbers."""

    def __init__(self, scaling: Scaling) -> None:
        def single(values: tuple[float, ...]) -> list[float]:
            return [float(np.float32(value)) for value in values]

        self._columns = list(zip(single(scaling.unit), single(scaling.mean), single(scaling.std), strict=True))
        self._flagged = [place for place, missing in enumerate(scaling.missing) if missing]
        self.width = scaling.width

    def apply(self, values: tuple[float, ...]) -> list[float]:
        """Scale a row; missing becomes 0, flags of presence come last."""
        out = []
        for value, (unit, mean, std) in zip(values, self._columns, strict=True):
            if value != value:
                out.append(0.0)
                continue
            value = float(np.float32(value))
            if unit > 0:
                value = math.log1p(max(value / unit, 0.0))
            out.append(min(max((value - mean) / std, -10.0), 10.0))
        return out + [float(values[place] == values[place]) for place in self._flagged]


def columns_of(schema: Schema, clock: Clock) -> tuple[str, ...]:
    """The columns that a row may have, in the order of a row without a header."""
    names = (
        *schema.columns.series,
        *clock.columns,
        *schema.target,
        *schema.known,
        *schema.known_categories,
        *schema.past,
        *schema.past_categories,
        *schema.static,
        *schema.static_categories,
    )
    return tuple(dict.fromkeys(names))


def series_label(values: list[Any]) -> str:
    """The name of a series, as a panel has it, from the values of its columns."""
    return " / ".join("(missing)" if value is None or word(value) == "" else word(value) for value in values)


def example(schema: Schema, clock: Clock) -> dict[str, Any]:
    """A row that could be pushed."""
    row: dict[str, Any] = {name: "a" for name in schema.columns.series}
    if len(clock.columns) == 1:
        row[clock.columns[0]] = clock.example() if clock.is_moment else 1
    else:
        row |= dict(zip(clock.columns, clock.example().split(), strict=False))
    row |= {name: 1.5 for name in (*schema.target, *schema.known, *schema.past, *schema.static)}
    for part in (schema.known_categories, schema.past_categories, schema.static_categories):
        row |= {name: kinds[0] if kinds else "" for name, kinds in part.items()}
    return row


def row_schema(schema: Schema, clock: Clock) -> dict[str, Any]:
    """The JSON Schema of a row."""
    properties: dict[str, Any] = {name: {"type": ["string", "number"]} for name in schema.columns.series}
    properties |= {
        name: {"type": ["string", "number"] if clock.is_moment else ["integer", "string"]} for name in clock.columns
    }
    numeric = {"type": ["number", "string", "null"], "description": "empty or null: missing"}
    properties |= {name: numeric for name in (*schema.target, *schema.known, *schema.past, *schema.static)}
    for part in (schema.known_categories, schema.past_categories, schema.static_categories):
        properties |= {
            name: {"type": ["string", "number", "boolean", "null"], "examples": list(kinds[:20])}
            for name, kinds in part.items()
        }
    return {
        "type": "object",
        "properties": {name: properties[name] for name in columns_of(schema, clock)},
        "additionalProperties": False,
    }


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _infinite(name: str, value: Any) -> DataError:
    return DataError(
        f"{name} is {_shown(value)}; expected a number that 32-bit floats hold (up to 3.4e38). Mend or clear the value."
    )
