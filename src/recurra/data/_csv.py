from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from recurra.data._table import Table
from recurra.data._text import Text, open_text
from recurra.errors import DataError

_DELIMITERS = "\t;|,"
_NAMED = {"\t": "tabs", ";": "semicolons", "|": "bars", " ": "spaces"}
_VALUE = re.compile(r"([+-]?\.?\d[\s\d.,:+/eETZ%-]*)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")


@dataclass(frozen=True)
class _Layout:
    """How the lines of a file are cut into fields."""

    delimiter: str
    skip: int  # lines before the first row of values
    names: tuple[str, ...]
    notes: tuple[str, ...]


def read_csv(path: Path) -> Table:
    """Open text with delimiters as a table of strings; nothing is kept in memory where the file is plain UTF-8."""
    text = open_text(path)
    layout = _sniffed(text, path)
    if layout.delimiter == " ":
        tabbed = "\n".join(re.sub(r"[ \t]+", "\t", line.strip()) for line in text.read().splitlines())
        text, layout = Text(tabbed.encode(), text.notes), replace(layout, delimiter="\t")
    blank, lines = _checked(text, layout, path)
    if lines is not None:
        text, lines = _rewritten(text, layout, path)
        layout = replace(layout, delimiter=",", skip=0)
    frame = _scan(text, layout)
    num_rows = int(frame.select(pl.len()).collect().item())
    keep = np.ones(num_rows, bool)
    keep[blank[blank < num_rows]] = False
    return Table(
        name=str(path),
        frame=frame,
        columns=layout.names,
        keep=None if keep.all() else np.flatnonzero(keep),
        num_rows=int(keep.sum()),
        first_row=layout.skip + 1,
        lines=lines,
        decimal_comma=layout.delimiter != "," and _has_decimal_comma(text, layout),
        notes=(*text.notes, *layout.notes),
    )


def _scan(text: Text, layout: _Layout) -> pl.LazyFrame:
    return pl.scan_csv(
        text.source,
        has_header=False,
        skip_lines=layout.skip,
        separator=layout.delimiter,
        schema={name: pl.String for name in layout.names},
        empty_string_is_null=False,
        missing_columns="insert",
        glob=False,
    )


def _sniffed(text: Text, path: Path) -> _Layout:
    """Find the delimiter, the header and what stands above it, from the first quarter of a megabyte."""
    sample = text.head(1 << 18)
    lines = sample.splitlines(keepends=True)
    if len(lines) > 1 and not sample.endswith(("\n", "\r")) and len(sample) > 1 << 16:
        lines.pop()
    start, told = 0, ""
    while start < len(lines) and (not lines[start].strip() or re.match(r"#|sep=.$", lines[start].strip())):
        told = lines[start].strip()[4:] if lines[start].startswith("sep=") else told
        start += 1
    if start == len(lines):
        raise DataError(f"{path} is empty; expected a header line and rows of values.")
    body = "".join(lines[start : start + 500])
    delimiter = told if told and told in _DELIMITERS else _delimiter(body)
    notes: list[str] = []
    if delimiter in _NAMED and delimiter != "\t":
        notes.append(f"Columns are separated by {_NAMED[delimiter]}.")
    if start and any(line.startswith("#") for line in lines[:start]):
        notes.append(f"{start} comment {'line' if start == 1 else 'lines'} above the header skipped.")
    reader = csv.reader(io.StringIO(body), delimiter=delimiter, skipinitialspace=delimiter == " ")
    header = next(reader)
    skip = start + reader.line_num
    second = next(reader, None)
    if second and all(_VALUE.fullmatch(cell.strip()) for cell in header) and any(cell.strip() for cell in header):
        notes.append("The first line holds values, so columns are named column_1, column_2, ...")
        return _Layout(delimiter, start, tuple(f"column_{i}" for i in range(1, len(header) + 1)), tuple(notes))
    return _Layout(delimiter, skip, _distinct(header, notes), tuple(notes))


def _delimiter(body: str) -> str:
    """The sign that cuts the header and the most lines into the same number of fields."""
    best, score = ",", 0.0
    for delimiter in _DELIMITERS:
        widths = [len(record) for record in csv.reader(io.StringIO(body), delimiter=delimiter) if record]
        same = sum(width == widths[0] for width in widths) / len(widths)
        if widths[0] > 1 and same > score:
            best, score = delimiter, same
    if not score:
        widths = [len(line.split()) for line in body.splitlines() if line.strip()]
        if widths[0] > 1 and len(widths) > 1 and len(set(widths)) == 1:
            return " "
    return best


def _distinct(header: list[str], notes: list[str]) -> tuple[str, ...]:
    """Column names without blanks, each given once."""
    names = [name.strip() or f"column_{i}" for i, name in enumerate(header, 1)]
    again = [name for name, count in Counter(names).items() if count > 1]
    if again:
        notes.append(
            f"The header holds {', '.join(again)} more than once; later ones are numbered, as in {again[0]}_2."
        )
    seen: Counter[str] = Counter()
    for i, name in enumerate(names):
        seen[name] += 1
        while seen[name] > 1 and names[i] in names[:i]:
            names[i] = f"{name}_{seen[name]}"
            seen[name] += names[i] in names[:i]
    return tuple(names)


def _checked(text: Text, layout: _Layout, path: Path) -> tuple[np.ndarray, list[int] | None]:
    """Blank rows to leave out; an empty list of lines when quotes need the slow but exact way.

    Each line is counted on its own with quoted parts taken out, which is right unless a quoted value holds a newline.
    """
    width = len(layout.names)
    line = pl.col("line")
    bare = line.str.replace_all(r'"[^"]*"', "q")
    lines = pl.scan_csv(
        text.source,
        has_header=False,
        skip_lines=layout.skip,
        separator="\x01",
        quote_char=None,
        schema={"line": pl.String},
        empty_string_is_null=False,
        glob=False,
    ).with_row_index("index")
    quoted = text.holds(b'"')
    shown = bare if quoted else line
    blank = line.str.strip_chars(' \t\r"' + layout.delimiter) == ""
    fields = shown.str.count_matches(layout.delimiter, literal=True) + 1
    odd = shown.str.contains('"', literal=True) if quoted else pl.lit(False)
    found = (
        lines.select("index", blank=blank, fields=fields, odd=odd, bare=line.str.strip_chars() == "")
        .filter(pl.col("blank") | pl.col("odd") | (pl.col("fields") != width))
        .collect(engine="streaming")
    )
    if found["odd"].any():
        return np.zeros(0, np.int64), []
    ragged = found.filter((pl.col("fields") != width) & ~pl.col("bare"))
    if ragged.height:
        row = ragged.row(0, named=True)
        raise _ragged(path, row["index"] + layout.skip + 1, row["fields"], width)
    rows = found.filter(pl.col("blank"))["index"].to_numpy().astype(np.int64)
    if width == 1:
        total = int(lines.select(pl.len()).collect().item())
        rows = rows[np.flatnonzero(rows == np.arange(total - rows.size, total))]
    return rows, None


def _ragged(path: Path, line: int, given: int, expected: int) -> DataError:
    return DataError(
        f"{path}, line {line}: {given} fields, but the header has {expected}. "
        "Mend the line, or put quotes around a value that holds the delimiter."
    )


def _rewritten(text: Text, layout: _Layout, path: Path) -> tuple[Text, list[int]]:
    """Read record by record where values hold newlines or stray quotes; the line on which each record ends is kept."""
    out, ends = io.StringIO(), []
    writer = csv.writer(out, lineterminator="\n")
    source = io.StringIO(text.read(), newline="")
    for _ in range(layout.skip):
        source.readline()
    reader = csv.reader(source, delimiter=layout.delimiter, strict=True)
    try:
        for record in reader:
            if not record or not any(cell.strip() for cell in record):
                continue
            if len(record) != len(layout.names):
                raise _ragged(path, reader.line_num + layout.skip, len(record), len(layout.names))
            writer.writerow([cell.replace("\n", " ").replace("\r", "") for cell in record])
            ends.append(reader.line_num + layout.skip)
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num + layout.skip}: {error}. Mend the quotes there.") from error
    return Text(out.getvalue().encode(), text.notes), ends


def _has_decimal_comma(text: Text, layout: _Layout) -> bool:
    cells = re.split(f"[\n\r{re.escape(layout.delimiter)}]", text.head(1 << 16))
    return any(_DECIMAL_COMMA.fullmatch(cell.strip(' "')) for cell in cells)
