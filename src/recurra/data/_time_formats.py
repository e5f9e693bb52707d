from __future__ import annotations

import re
from collections.abc import Iterable

import polars as pl

# What a date looks like, and how it may be read: by the order of its parts, the likeliest first.
_DATES: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (r"\d{4}(?P<s>[-/.])\d{1,2}(?P=s)\d{1,2}", (("ymd", "%Y{s}%m{s}%d"),)),
    (r"\d{1,2}(?P<s>[-/.])\d{1,2}(?P=s)\d{4}", (("dmy", "%d{s}%m{s}%Y"), ("mdy", "%m{s}%d{s}%Y"))),
    (
        r"\d{1,2}(?P<s>[-/.])\d{1,2}(?P=s)\d{2}",
        (("dmy", "%d{s}%m{s}%y"), ("mdy", "%m{s}%d{s}%y"), ("ymd", "%y{s}%m{s}%d")),
    ),
    (r"\d{8}", (("ymd", "%Y%m%d"),)),
    (r"\d{4}年\d{1,2}月\d{1,2}[日号]", (("ymd", "%Y年%m月%d{day}"),)),
    (r"\d{4}年\d{1,2}月", (("ymd", "%Y年%m月"),)),
    (r"\d{4}年", (("ymd", "%Y年"),)),
    (r"\d{4}(?P<s>[-/.])\d{1,2}", (("ymd", "%Y{s}%m"),)),
    (r"\d{1,2}(?P<s>[-/.])\d{4}", (("ymd", "%m{s}%Y"),)),
    (r"\d{4}M\d{2}", (("ymd", "%YM%m"),)),
    (r"\d{6}", (("ymd", "%Y%m"),)),
    (r"\d{4}", (("ymd", "%Y"),)),
    (r"\d{4}(?P<s>[- ]?)Q[1-4]", (("ymd", "%Y{s}Q%q"),)),
    (r"Q[1-4](?P<s>[- /]?)\d{4}", (("ymd", "Q%q{s}%Y"),)),
    (r"\d{4}-W\d{2}", (("ymd", "%G-W%V"),)),
    (r"\d{4}W\d{2}", (("ymd", "%GW%V"),)),
    (r"\d{1,2}(?P<s>[-/. ])(?P<m>[A-Za-z]{3,9})(?P=s)\d{4}", (("dmy", "%d{s}{m}{s}%Y"),)),
    (r"\d{1,2}(?P<s>[-/. ])(?P<m>[A-Za-z]{3,9})(?P=s)\d{2}", (("dmy", "%d{s}{m}{s}%y"),)),
    (r"(?P<m>[A-Za-z]{3,9})\.? \d{1,2}(?P<c>,?) \d{4}", (("mdy", "{m} %d{c} %Y"),)),
    (r"(?P<m>[A-Za-z]{3,9})(?P<s>[-/. ])\d{4}", (("ymd", "{m}{s}%Y"),)),
    (r"\d{4}(?P<s>[-/. ])(?P<m>[A-Za-z]{3,9})(?P=s)\d{1,2}", (("ymd", "%Y{s}{m}{s}%d"),)),
)
_CLOCK = (
    r"(?P<gap>[ T]+|(?<=[日号]))(?P<clock>\d{1,2}(?P<minute>:\d{2}(?P<second>:\d{2}(?P<fraction>\.\d+)?)?)?"
    r"(?P<half> ?[AaPp][Mm])?|\d{1,2}[时点](\d{1,2}分(\d{1,2}秒)?)?|\d{4}|\d{6})"
)
_ZONE = r"(?P<zone> ?(Z|UTC|GMT|[+-]\d{2}(:?\d{2})?))"
_WEEKDAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_PATTERNS = tuple(
    (re.compile(rf"(?P<weekday>{_WEEKDAY},? )?{date}({_CLOCK}{_ZONE}?)?"), readings) for date, readings in _DATES
)
_COMPACT = {10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


def readings(value: str) -> dict[str, str]:
    """How one written time can be read: strptime formats by the order of day, month and year."""
    value = value.strip()
    if value.isdecimal() and len(value) in _COMPACT:
        return {"ymd": _COMPACT[len(value)]}
    for pattern, candidates in _PATTERNS:
        match = pattern.fullmatch(value)
        if match:
            return {order: _format(match, date, value) for order, date in candidates}
    return {}


def orders(values: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The readings that all of `values` share: for each order of parts, the formats that are needed together."""
    shared: dict[str, dict[str, None]] | None = None
    for value in values:
        each = readings(value)
        if shared is None:
            shared = {order: {form: None} for order, form in each.items()}
            continue
        shared = {order: {**forms, each[order]: None} for order, forms in shared.items() if order in each}
    return {order: tuple(forms) for order, forms in (shared or {}).items()}


def parse(text: pl.Series, formats: Iterable[str]) -> pl.Series:
    """Read times by the first format that fits; null where none does. UTC where the formats hold a zone.

    Times with and without zone can't stand in one column: the rarer kind is null.
    """
    result: pl.Series | None = None
    for form in formats:
        each = _parsed(text if result is None else text.set(result.is_not_null(), None), form)
        if result is None or (result.dtype != each.dtype and each.null_count() < result.null_count()):
            result = each
        elif result.dtype == each.dtype:
            result = pl.select(pl.coalesce(result, each)).to_series()
    return result if result is not None else pl.Series(text.name, [None] * len(text), pl.Datetime("us"))


def has_clock(formats: Iterable[str]) -> bool:
    """Whether any of the formats goes below the day."""
    return any(part in form for form in formats for part in ("%H", "%I"))


def _format(match: re.Match[str], date: str, value: str) -> str:
    groups = match.groupdict()
    month = groups.get("m") or ""
    form = date.format(
        s=groups.get("s") or "",
        c=groups.get("c") or "",
        m=("%b" if len(month) == 3 else "%B") + ("." if month and f"{month}. " in value else ""),
        day="号" if "号" in value else "日",
    )
    if groups["weekday"]:
        word = groups["weekday"].rstrip(", ")
        form = ("%a" if len(word) == 3 else "%A") + groups["weekday"][len(word) :] + form
    if groups["clock"]:
        form += groups["gap"] + _clock(groups)
    return form + ("%z" if groups["zone"] else "")


def _clock(groups: dict[str, str | None]) -> str:
    clock = groups["clock"] or ""
    if clock.isdecimal() and len(clock) > 2:
        return "%H%M%S"[: len(clock)]
    if not clock[-1:].isascii() or "时" in clock or "点" in clock:
        return re.sub(r"\d+", "{}", clock).format("%H", "%M", "%S")
    hour = "%I" if groups["half"] else "%H"
    minute = ":%M" if groups["minute"] else ""
    second = ":%S" if groups["second"] else ""
    fraction = "%.f" if groups["fraction"] else ""
    half = (groups["half"] or "").replace((groups["half"] or "").strip(), "%p") if groups["half"] else ""
    return hour + minute + second + fraction + half


def _parsed(text: pl.Series, form: str) -> pl.Series:
    """One format; parts that polars can't do without are supplied: the first month, day, minute."""
    text = text.str.strip_chars()
    if "%z" in form:
        text = text.str.replace(r"\s*(Z|UTC|GMT)$", "+00:00").str.replace(r"\s+([+-]\d{2}(:?\d{2})?)$", "$1")
        text = text.str.replace(r"([T ]\d{1,2}:\d{2}.*[+-]\d{2})$", "${1}:00")
    if "%q" in form:
        text = text.str.replace_many(["Q1", "Q2", "Q3", "Q4"], ["01", "04", "07", "10"])
        form = form.replace("Q%q", "%m")
        text, form = _separated(text, form)
    if "%V" in form:
        text, form = text + "-1", form + "-%u"
    elif "%m" not in form and "%b" not in form and "%B" not in form:
        text, form = text + " 01 01", form + " %m %d"
    elif "%d" not in form:
        text, form = text + " 01", form + " %d"
    if ("%H" in form or "%I" in form) and "%M" not in form:
        if "%p" in form or "%z" in form:
            text, form = text + " 00", form + " %M"
        else:
            text, form = text + ":00", form + ":%M"
    return text.str.to_datetime(form, time_unit="us", strict=False)


def _separated(text: pl.Series, form: str) -> tuple[pl.Series, str]:
    """Quarters written without a gap, such as 2015Q1, with one between year and month."""
    if form == "%Y%m":
        return text.str.replace(r"^(\d{4})(\d{2})$", "$1-$2"), "%Y-%m"
    if form == "%m%Y":
        return text.str.replace(r"^(\d{2})(\d{4})$", "$1-$2"), "%m-%Y"
    return text, form
