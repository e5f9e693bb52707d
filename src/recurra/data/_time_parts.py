from __future__ import annotations

from collections.abc import Sequence

PARTS: dict[str, frozenset[str]] = {
    "year": frozenset({"year", "yyyy", "yr", "年", "年份"}),
    "quarter": frozenset({"quarter", "qtr", "季度"}),
    "month": frozenset({"month", "mon", "mm", "mo", "月", "月份"}),
    "day": frozenset({"day", "dd", "day_of_month", "dayofmonth", "日", "天"}),
    "hour": frozenset({"hour", "hr", "hh", "时", "小时", "时刻"}),
    "minute": frozenset({"minute", "min", "mi", "分", "分钟"}),
    "second": frozenset({"second", "sec", "ss", "秒"}),
}


def part_names(names: Sequence[str]) -> dict[str, str] | None:
    """Which part of a date each name stands for, such as {"year": "yr", "month": "mnth"}, or None if some don't say."""
    found: dict[str, str] = {}
    for name in names:
        part = next((part for part, words in PARTS.items() if name.casefold().strip() in words), None)
        if part is None or part in found:
            return None
        found[part] = name
    return found if "year" in found and len(found) > 1 else None
