from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from recurra.data._words import counted, listed
from recurra.data.text._documents import Documents
from recurra.errors import DataError

_TABLES = (".csv", ".tsv", ".tab", ".parquet", ".pq", ".arrow", ".feather", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_JSON = (".json", ".jsonl", ".ndjson")
_PACKED = (".gz", ".bz2", ".xz", ".zip")


def read_documents(
    source: Any,
    *,
    text: str | None = None,
    label: str | None = None,
    separator: str | None = None,
    needs_labels: bool = True,
    phrases: bool = False,
) -> Documents:
    """Read texts, with their labels where there are any.

    `source` is a table (CSV, TSV, Parquet, Excel, a frame), JSON lines, a folder of folders (each one's name is the
    label), lines that start with their label, trees of the Stanford sentiment treebank (with `phrases` each phrase
    counts), lines of plain text where no labels are needed, or texts in a list, alone or in pairs with their label.

    `text` and `label` name columns; else they are found, and said in `notes`. `separator` cuts a cell into several
    labels. Raises DataError for what can't be read so.
    """
    if isinstance(source, Documents):
        documents = source
    elif isinstance(source, (str, Path)):
        documents = _read_path(
            Path(source), text, label, separator=separator, needs_labels=needs_labels, phrases=phrases
        )
    elif isinstance(source, (list, tuple)):
        documents = _from_list(source)
    else:
        documents = _read_table(source, text, label, separator=separator, needs_labels=needs_labels)
    if needs_labels and documents.labels is None:
        raise DataError(
            f"{documents.name} has texts but no labels; expected lines that start with their label, a table with a "
            "column of labels, or a folder for each label."
        )
    empty = sum(not each.strip() for each in documents.texts)
    about = [f"{counted(len(documents.texts), 'text')} read from {documents.name}{_about_labels(documents)}."]
    if empty:
        about.append(
            f"{counted(empty, 'text', 'is')} empty; kept as they are." if empty > 1 else "1 text is empty; kept."
        )
    return documents if documents is source else replace(documents, notes=(*about, *documents.notes))


def _read_path(path: Path, text: str | None, label: str | None, *, phrases: bool, **options: Any) -> Documents:
    from recurra.data.text._folder import read_folder
    from recurra.data.text._lines import read_lines

    if path.is_dir():
        return read_folder(path, needs_labels=options["needs_labels"])
    suffixes = [suffix.lower() for suffix in path.suffixes]
    suffix = next((suffix for suffix in reversed(suffixes) if suffix not in _PACKED), "")
    if suffix in _JSON:
        return _read_table(path, text, label, json=True, **options)
    if text is None and label is None and suffix not in (".csv", *_TABLES[3:]) and path.is_file():
        found = read_lines(path, needs_labels=options["needs_labels"], phrases=phrases, tabbed=suffix in _TABLES)
        if found is not None:
            return found
    return _read_table(path, text, label, **options)


def _read_table(source: Any, text: str | None, label: str | None, *, json: bool = False, **options: Any) -> Documents:
    from recurra.data.text._table import read_json, read_table

    table = read_json(source) if json else None
    return read_table(source if table is None else table, text=text, label=label, **options)


def _from_list(source: Sequence[Any]) -> Documents:
    if all(isinstance(each, str) for each in source):
        return Documents(list(source), None, False, "the list", "the list, text {}".format)
    if all(isinstance(each, tuple) and len(each) == 2 and isinstance(each[0], str) for each in source):
        labels = [(each[1],) if isinstance(each[1], str) else tuple(each[1]) for each in source]
        multi = any(not isinstance(each[1], str) for each in source)
        return Documents([each[0] for each in source], tuple(labels), multi, "the list", "the list, text {}".format)
    raise DataError("The list holds other things than texts; expected texts, or pairs of a text and its label.")


def _about_labels(documents: Documents) -> str:
    if documents.labels is None:
        return ""
    names = sorted({label for each in documents.labels for label in each})
    return f", with {counted(len(names), 'label')}: {listed(names, 8)}"
