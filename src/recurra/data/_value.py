"""One value of a row, read as `_numbers` and `_covariates` read a column."""

from __future__ import annotations

import math
import re
from typing import Any

MISSING = frozenset(
    "- -- --- . .. ... ? * / — – － na n/a n.a. nan nat null nil none missing (null) <na> <null> \\n "
    "#n/a #na #value! #div/0! #ref! #num! #null! 无 缺失 空 缺测 暂无".split()
) | {"", "no data", "not available", "#n/a n/a"}
UNITS = r"[\s\u00a0\u202f_'%$€£¥￥]"
THOUSANDS = r"^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$"
DECIMAL = r"^[+-]?(\d+|\d{1,3}(\.\d{3})+)?,\d+([eE][+-]?\d+)?$"
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?|nan", re.IGNORECASE)
_UNITS, _THOUSANDS, _DECIMAL = re.compile(UNITS), re.compile(THOUSANDS), re.compile(DECIMAL)


def is_missing(value: Any) -> bool:
    """Whether a value stands for nothing: None, NaN, an empty text, NA, -, ? and their kin."""
    if isinstance(value, str):
        return value.strip().lower() in MISSING
    return value is None or value != value


def number(value: Any) -> float | None:
    """A value as a number, NaN where it's missing; None for what is neither."""
    if isinstance(value, str):
        return _of_text(value)
    if value is None:
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf
    except (TypeError, ValueError):
        return None


def word(value: Any) -> str:
    """A value as the name of a category or series; a whole number has no decimals."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _of_text(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        pass
    else:
        if value == value and "_" not in text:
            return value
    bare = text.strip()
    if bare.lower() in MISSING:
        return math.nan
    if _PLAIN.fullmatch(bare):
        return float(bare)
    bare = re.sub(r"^\((.*)\)$", r"-\1", _UNITS.sub("", bare).removeprefix("+")).replace("−", "-")
    if _THOUSANDS.match(bare):
        bare = bare.replace(",", "")
    elif _DECIMAL.match(bare):
        bare = bare.replace(".", "").replace(",", ".")
    return float(bare) if _PLAIN.fullmatch(bare) else None
