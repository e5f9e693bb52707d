"""`recurra predict` without torch: the rows of a file go through sessions, one for each sequence."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from recurra.cli._rows import Row, RowReader
from recurra.cli._stream_sessions import Sessions
from recurra.cli._text import kind_of
from recurra.errors import DataError, MissingExtraError, RecurraError
from recurra.runtime import load


def predict_rows(
    bundle: Path, data: Path, *, every_step: bool, seed: int | None, remark: Callable[[str], None]
) -> list[dict[str, Any]]:
    """The rows of the answer after the last row of each sequence, or, with `every_step`, after each row.

    Intervals are those of the fit: only streams adapt them. Rows at the end without a target say what is known
    ahead, as where torch predicts. `remark` is told what is left out. DataError names the line that can't be pushed.
    """
    model = load(bundle)
    spec = model.spec()
    reader = RowReader(spec, source=str(data), remark=remark)
    known = spec.options.get("properties", {})
    asked = {"adapt": False, "plan": True, "seed": seed}
    options = {name: value for name, value in asked.items() if name in known and value is not None}
    sessions = Sessions(model, reader.ids, options, limit=sys.maxsize)
    answers: list[dict[str, Any]] = []
    last: dict[tuple[str, ...], Row] = {}
    for line in _lines(data):
        try:
            row = reader.read(line)
        except DataError as error:
            raise DataError(f"{reader.where}: {error} {reader.hint}") from error
        if row is None:
            continue
        if every_step:
            session, answer = sessions.of(row.id), _push(sessions, row)
            answers += [{"step": session.steps, **values} for values in model.rows(session, answer)]
        elif row.id in last:
            _push(sessions, last[row.id], silently=True)
        last[row.id] = row
    if not last:
        raise DataError(f"{data} holds no rows; expected at least one.")
    for row in () if every_step else last.values():
        answer = _push(sessions, row)
        document = model.document(answer)
        if document.get("ready") is False:
            of = f" of {' / '.join(row.id)}" if row.id else ""
            raise DataError(f"{data}: the rows{of} are too few to forecast from. Give {document['needs']} more.")
        answers += model.rows(sessions.of(row.id), answer)
    return answers


def _push(sessions: Sessions, row: Row, *, silently: bool = False) -> Any:
    try:
        session = sessions.of(row.id)
        return session.observe(row.push) if silently else session.push(row.push)
    except RecurraError as error:
        raise DataError(f"{row.where}: {error} {row.hint}") from error


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            if kind := kind_of(file.read(8)):
                raise MissingExtraError(
                    f"{path} is {kind}; without torch and polars, CSV and JSON lines in UTF-8 are read. "
                    "Convert it, or run: pip install 'recurra[train]'"
                )
            file.seek(0)
            for line in file:
                yield line.removesuffix(b"\n")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}. Give a file of rows.") from error
