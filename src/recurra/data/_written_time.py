from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime

from recurra.errors import ConfigError

DAY = 86_400_000_000
_EPOCH = date(1970, 1, 1).toordinal()
_TWO, _WORD = r"\d{1,2}", r"[A-Za-z]+\.?"
# strptime's letters, as polars reads them, to what they match; a letter without a group says nothing.
_LETTERS = {
    **{letter: rf"(?P<{letter}>{_TWO})" for letter in "mdHIMS"},
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "G": r"(?P<G>\d{4})",
    "V": rf"(?P<V>{_TWO})",
    "j": r"(?P<j>\d{1,3})",
    "q": r"(?P<q>[1-4])",
    "b": r"(?P<b>[A-Za-z]{3})",
    "B": rf"(?P<b>{_WORD})",
    "a": _WORD,
    "A": _WORD,
    "p": r"(?P<p>[AaPp])[Mm]",
    ".f": r"(?P<f>\.\d+)?",
    "z": r" ?(?P<z>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)",
    "%": "%",
}
_WHOLE = {"F": "%Y-%m-%d", "T": "%H:%M:%S", "R": "%H:%M", "D": "%m/%d/%y", "e": "%d", "h": "%b"}
_MONTHS = {name: place for place, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_CLOCKS = ("", " %H:%M", " %H:%M:%S%.f", " %H:%M:%S%.f%z")
INTERNATIONAL = tuple(f"%Y{s}%m{s}%d{clock}" for s in "-/." for clock in _CLOCKS)

Reading = tuple[int, int | None]  # microseconds since 1970 as written, and the distance from UTC where that's written
Reader = Callable[[str], Reading | None]


def reader_of(formats: tuple[str, ...]) -> Reader:
    """What reads one time written in any of `formats` (strptime), or else internationally; None for what doesn't fit.

    The same as `_time_formats.parse` gives for columns, for times that arrive one by one.
    """
    given = [_compiled(form) for form in formats]
    others = [_compiled(form) for form in INTERNATIONAL if form not in formats]
    iso_first = all(form.startswith("%Y-%m-%d") for form in formats)

    def read(text: str) -> Reading | None:
        found = from_iso(text) if iso_first else None
        for pattern in given if found is None else ():
            match = pattern.fullmatch(text)
            if match and (found := _from_parts(match.groupdict())) is not None:
                return found
        if found is None and not iso_first:
            found = from_iso(text)
        for pattern in others if found is None else ():
            match = pattern.fullmatch(text.replace("T", " "))
            if match and (found := _from_parts(match.groupdict())) is not None:
                return found
        return found

    return read


def from_iso(text: str) -> Reading | None:
    """A time written as ISO 8601 says."""
    try:
        return of_datetime(datetime.fromisoformat(text))
    except ValueError:
        return None


def of_datetime(moment: datetime) -> Reading:
    """The same of Python's own times."""
    seconds = ((moment.toordinal() - _EPOCH) * 24 + moment.hour) * 3600 + moment.minute * 60 + moment.second
    offset = moment.utcoffset()
    shift = None if offset is None else offset.days * DAY + offset.seconds * 1_000_000
    return seconds * 1_000_000 + moment.microsecond, shift


def _compiled(form: str) -> re.Pattern[str]:
    for letter, whole in _WHOLE.items():
        form = form.replace(f"%{letter}", whole)
    pieces = re.split(r"%(\.\d?f|[A-Za-z%])", form)
    pattern = ""
    for place, piece in enumerate(pieces):
        if place % 2 == 0:
            pattern += re.escape(piece)
            continue
        letter = ".f" if piece.startswith(".") else piece
        if letter not in _LETTERS:
            raise ConfigError(
                f"time_format {form!r} holds %{piece}, which rows that come one by one can't be read with. "
                "Fit the model with times written like 2015-01-31 13:00."
            )
        pattern += _LETTERS[letter]
    return re.compile(pattern)


def _from_parts(found: dict[str, str | None]) -> Reading | None:
    def number(name: str, default: int) -> int:
        return int(found.get(name) or default)

    year = number("Y", 0)
    if found.get("y"):
        year = number("y", 0) + (1900 if number("y", 0) >= 69 else 2000)
    month = number("m", 3 * number("q", 1) - 2)
    if found.get("b"):
        month = _MONTHS.get((found["b"] or "")[:3].lower(), 0)
    hour = number("H", 0)
    if found.get("p"):
        hour = number("I", 12) % 12 + (12 if found["p"] in ("P", "p") else 0)
    try:
        if found.get("G"):
            day = date.fromisocalendar(number("G", 0), number("V", 1), 1).toordinal()
        elif found.get("j"):
            day = date(year, 1, 1).toordinal() + number("j", 1) - 1
        else:
            day = date(year, month, number("d", 1)).toordinal()
        clock = datetime(2000, 1, 1, hour, number("M", 0), number("S", 0))
    except ValueError:
        return None
    if year < 1000 and not found.get("G"):
        return None
    micro = int(((found.get("f") or ".")[1:7]).ljust(6, "0"))
    seconds = clock.hour * 3600 + clock.minute * 60 + clock.second
    return (day - _EPOCH) * DAY + seconds * 1_000_000 + micro, _offset(found.get("z"))


def _offset(written: str | None) -> int | None:
    if written is None:
        return None
    if written[0] not in "+-":
        return 0
    digits = written[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:4])
    return (-minutes if written[0] == "-" else minutes) * 60_000_000
