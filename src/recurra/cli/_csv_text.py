"""Rows as lines of CSV, written to the letter as polars writes them: whoever computes a forecast, its file is equal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def csv_line(cells: Iterable[Any]) -> str:
    """One line. A number that is missing is NaN, since only numbers are."""
    return ",".join(map(_cell, cells)) + "\n"


def _cell(value: Any) -> str:
    if value is None or value != value:
        return "NaN"
    if isinstance(value, float):
        return _number(value)
    text = str(value)
    if text and not any(letter in text for letter in ',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'


def _number(value: float) -> str:
    text = repr(value)
    mantissa, _, exponent = text.partition("e-")
    if not exponent:
        return text
    digits = mantissa.partition(".")[2]
    # Python writes 1e-05 and 1e-06 where polars writes 0.00001 and 1e-6.
    return f"{value:.{5 + len(digits)}f}" if exponent == "05" else f"{mantissa}e-{int(exponent)}"
