from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from recurra.data._source import open_table
from recurra.data._table import Table
from recurra.data._text import open_text
from recurra.data._words import counted, listed
from recurra.data.text._documents import Documents
from recurra.errors import DataError

_TEXTS = ("text", "review", "sentence", "content", "comment", "message", "tweet", "body", "document", "question",
          "utterance", "文本", "评论", "内容", "句子", "正文")  # fmt: skip
_LABELS = ("label", "labels", "sentiment", "class", "category", "categories", "target", "polarity", "topic", "intent",
           "tag", "tags", "rating", "stars", "y", "标签", "类别", "情感", "分类")  # fmt: skip
_MOST_LABELS = 1000
_SIGNS = ";,|/+"  # that people write between labels


def read_table(
    source: Any, *, text: str | None, label: str | None, separator: str | None, needs_labels: bool
) -> Documents:
    """Read the columns of a table that hold texts and labels."""
    table = source if isinstance(source, Table) else open_table(source)
    head = table.head()
    text_column = _text_column(table, head, text, label)
    label_column = _label_column(table, head, label, text_column, needed=needs_labels)
    if text_column == label_column:
        raise DataError(f"{table.name}: column {text_column!r} is asked for as text and as label; name two columns.")
    frame = table.fetch([text_column] if label_column is None else [text_column, label_column])
    notes = [*table.notes, f"Texts are in column {text_column!r}" + (
        f", labels in {label_column!r}." if label_column is not None else "."
    )]  # fmt: skip
    texts = frame[text_column].cast(pl.String).fill_null("").to_list()
    if label_column is None:
        return Documents(texts, None, False, table.name, table.row, tuple(notes), text_column)
    labels, multi = _labels(frame[label_column], separator)
    rows = range(len(texts))
    without = [row for row in rows if not labels[row]]
    if without and not multi and not needs_labels:
        # Whoever asks for answers wants one for each text.
        return Documents(texts, None, False, table.name, table.row, tuple(notes), text_column)
    if without and not multi:
        if len(without) == len(labels):
            raise DataError(f"{table.name}: column {label_column!r} is empty; expected labels. Choose another column.")
        notes.append(f"{counted(len(without), 'row', 'has')} no label: left out, the first is {table.row(without[0])}.")
        rows = [row for row in rows if labels[row]]
    elif without:
        notes.append(f"{counted(len(without), 'text', 'has')} none of the labels.")
    if not multi:
        notes += _about_joined({label for each in labels for label in each})
    _check_labels([labels[row] for row in rows], table.name, label_column)
    return Documents(
        [texts[row] for row in rows],
        tuple(labels[row] for row in rows),
        multi,
        table.name,
        lambda index: table.row(rows[index]),
        tuple(notes),
        text_column,
    )


def read_json(path: Path) -> Table:
    """Open JSON lines, or one JSON list of objects, as a table."""
    if not path.is_file():
        return open_table(path)
    text = open_text(path, wanted="text file", formats="JSON lines")
    content = text.read()
    lines: list[int] | None = None
    if content.lstrip().startswith("["):
        rows = _parsed(content, str(path))
    else:
        numbered = [(at, line) for at, line in enumerate(content.split("\n"), 1) if line.strip()]
        rows = [_parsed(line, f"{path}, line {at}") for at, line in numbered]
        lines = [at for at, _ in numbered]
    for at, row in enumerate(rows):
        if not isinstance(row, dict):
            place = f"{path}, line {lines[at]}" if lines else f"{path}, item {at + 1}"
            raise DataError(f'{place} is no JSON object; expected one such as {{"text": "...", "label": "..."}}.')
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        raise DataError(f'{path} holds no objects; expected lines such as {{"text": "...", "label": "..."}}.')
    columns = {name: _column([row.get(name) for row in rows]) for name in names}
    frame = pl.DataFrame(columns, strict=False)
    return Table(str(path), frame.lazy(), tuple(names), len(rows), 1, lines=lines, notes=text.notes)


def _parsed(content: str, place: str) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise DataError(f"{place} isn't JSON ({error}). Mend it, or give a table.") from error


def _column(values: list[Any]) -> list[Any]:
    """Values of one kind: where kinds differ, as text."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) <= 1 and not kinds & {dict}:
        return values
    return [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]


def _text_column(table: Table, head: pl.DataFrame, asked: str | None, label: str | None) -> str:
    if asked is not None:
        (name,) = table.resolve([asked], "text")
        if _is_numeric(head[name]):
            words = [column for column in table.columns if _is_wordy(head[column])]
            hint = f"Columns with text: {listed(words)}." if words else "No column holds text."
            raise DataError(f"{table.name}: column {name!r} holds numbers, asked for as text. {hint}")
        return name
    apart = {label} if label else set(_named(table.columns, _LABELS))
    usable = [name for name in table.columns if name not in apart and head[name].dtype == pl.String]
    usable = [name for name in usable if not _is_numeric(head[name])]
    named = _named(usable, _TEXTS)
    if named:
        return named[0]
    sizes = {name: float(head[name].str.len_chars().mean() or 0) for name in usable}  # pyright: ignore[reportArgumentType]
    if not sizes:
        raise DataError(
            f"{table.name} has no column of text; its columns: {listed(table.columns)}. Expected one with sentences."
        )
    longest, *others = sorted(sizes, key=lambda name: -sizes[name])
    if others and sizes[others[0]] > 0.5 * sizes[longest] and _is_wordy(head[others[0]]):
        raise DataError(
            f"{table.name}: columns {longest!r} and {others[0]!r} both hold text. Say which with --text {longest}."
        )
    return longest


def _named(columns: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """The columns with a usual name, the most usual first."""
    return [name for each in wanted for name in columns if name.casefold() == each]


def _label_column(table: Table, head: pl.DataFrame, asked: str | None, text: str, *, needed: bool) -> str | None:
    if asked is not None:
        if not needed and asked not in table.columns:
            return None
        return table.resolve([asked], "label")[0]
    others = [name for name in table.columns if name != text]
    named = _named(others, _LABELS)
    few = [name for name in others if 1 < head[name].n_unique() <= max(2, head.height // 5)]
    found = named or few
    if len(found) == 1 or named:
        return found[0]
    if not needed:
        return None
    reason = f"several may hold labels: {listed(few)}" if few else "none looks like labels"
    raise DataError(
        f"{table.name}: which column holds the label? Its columns are {listed(table.columns)}, and {reason}. "
        f"Say which with --label {(few or others or ['NAME'])[0]}."
    )


def _labels(column: pl.Series, separator: str | None) -> tuple[list[tuple[str, ...]], bool]:
    """The labels of each row, and whether a row may have several."""
    if isinstance(column.dtype, (pl.List, pl.Array)):
        return [tuple(str(label) for label in each or () if label is not None) for each in column.to_list()], True
    if column.dtype.is_float() and bool((column.drop_nulls() % 1 == 0).all()):
        column = column.cast(pl.Int64, strict=False)
    cells = [(cell or "").strip() for cell in column.cast(pl.String).to_list()]
    if separator:
        cut = (dict.fromkeys(part.strip() for part in cell.split(separator)) for cell in cells)
        return [tuple(part for part in parts if part) for parts in cut], True
    return [(cell,) if cell else () for cell in cells], False


def _about_joined(labels: set[str]) -> list[str]:
    """That a label is made of others, so that texts may have several."""
    for sign in _SIGNS:
        for label in sorted(labels):
            parts = {part.strip() for part in label.split(sign)}
            if len(parts) > 1 and parts <= labels:
                return [
                    f"Label {label!r} holds several others; if it is to mean all of them, pass --separator '{sign}'."
                ]
    return []


def _check_labels(labels: list[tuple[str, ...]], name: str, column: str) -> None:
    different = len({label for each in labels for label in each})
    if different > _MOST_LABELS or (different > 20 and different > len(labels) // 2):
        raise DataError(
            f"{name}: column {column!r} holds {different:,} different values in {len(labels):,} rows; expected labels "
            "that repeat. Choose another column with --label."
        )


def _is_numeric(column: pl.Series) -> bool:
    if column.dtype != pl.String:
        return True
    filled = column.drop_nulls().str.strip_chars()
    filled = filled.filter(filled != "")
    return filled.len() > 0 and filled.cast(pl.Float64, strict=False).null_count() < 0.05 * filled.len()


def _is_wordy(column: pl.Series) -> bool:
    return column.dtype == pl.String and not _is_numeric(column) and column.n_unique() > 0.5 * column.len()
