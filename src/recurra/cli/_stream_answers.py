from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json

from recurra.cli._csv_text import csv_line
from recurra.cli._rows import Row, RowReader
from recurra.cli._stream_complaints import Complaints, say
from recurra.cli._stream_sessions import Sessions
from recurra.errors import DataError, PastError, RecurraError
from recurra.runtime import Session


class Answers:
    """Takes lines, pushes what they say, and prints the answers in the order of the lines.

    Rows of different sequences that have come together are pushed at once. With `latest`, of the rows of a sequence
    that have come together all but the last are only observed. Rows that stand `alone` are whole texts, of which none
    goes on from another. A line that is no row goes to `complaints`, once the
    rows before it are answered where it's the last one. Above `drift`, a warning is given once.
    """

    def __init__(
        self, sessions: Sessions, complaints: Complaints, *, as_csv: bool, latest: bool, alone: bool, drift: float
    ) -> None:
        self._sessions, self._complaints = sessions, complaints
        self._as_csv, self._latest, self._alone, self._drift = as_csv, latest, alone, drift
        self._resumed: set[tuple[str, ...]] = set()
        self._drifting: set[tuple[str, ...]] = set()
        self._has_header = False
        self.used = 0

    def resume(self) -> None:
        """From here on a sequence's rows may be of the time before, until one of them is newer."""
        self._resumed = set(self._sessions)

    def take(self, lines: Sequence[bytes], reader: RowReader, *, silently: bool = False) -> None:
        """Push the rows of these lines and print the answers, or, `silently`, drop them."""
        rows = []
        for line in lines:
            try:
                row = reader.read(line)
            except RecurraError as error:
                if self._complaints.is_strict or not isinstance(error, DataError):
                    self._push_all(rows, silently=silently)
                    rows.clear()
                if not isinstance(error, DataError):
                    raise
                self._complaints.report(reader.where, error, reader.hint)
            else:
                if row is not None:
                    rows.append(row)
        self._push_all(rows, silently=silently)

    def _push_all(self, rows: list[Row], *, silently: bool) -> None:
        if self._alone:
            self._answer_alone([*{row.id: row for row in rows}.values()] if self._latest else rows)
            return
        if self._latest and not silently:
            last = {row.id: row for row in rows}
            for row in rows:
                if last[row.id] is not row:
                    self._observe(row)
            rows = [row for row in rows if last[row.id] is row]
        together: dict[tuple[str, ...], Row] = {}
        for row in rows:
            if row.id in together:
                self._push([*together.values()], silently=silently)
                together.clear()
            together[row.id] = row
        self._push([*together.values()], silently=silently)

    def _observe(self, row: Row) -> None:
        try:
            self._sessions.of(row.id).observe(row.push)
        except RecurraError as error:
            self._refuse(row, error)
        else:
            self._count(row)

    def _push(self, rows: list[Row], *, silently: bool) -> None:
        """Push rows of different sequences, together where they all are rows."""
        opened = [(row, session) for row in rows if (session := self._open(row)) is not None]
        answers = None
        if len(opened) > 1:
            try:
                answers = self._sessions.model.push_many([each for _, each in opened], [row.push for row, _ in opened])
            except DataError:
                pass  # no session has moved, so they are pushed one by one, and the bad rows found
        for place, (row, session) in enumerate(opened):
            try:
                answer = session.push(row.push) if answers is None else answers[place]
            except RecurraError as error:
                self._refuse(row, error)
            else:
                self._count(row)
                if not silently:
                    self._print(row, session, answer)
        sys.stdout.flush()

    def _answer_alone(self, rows: list[Row]) -> None:
        """Answer rows that are whole texts, together where they all are."""
        model = self._sessions.model
        found = None
        if len(rows) > 1:
            try:
                found = model.predict([row.push for row in rows])
            except DataError:
                pass  # they are answered one by one, and the bad ones found
        for place, row in enumerate(rows):
            try:
                prediction = model.predict([row.push])[0] if found is None else found[place]
            except RecurraError as error:
                self._complaints.report(row.where, error, row.hint)
                continue
            self.used += 1
            if self._as_csv:
                for values in prediction.rows:
                    self._print_csv({**dict(zip(self._sessions.ids, row.id, strict=True)), "line": row.line, **values})
            else:
                self._print_json(row, {"line": row.line}, model.document(prediction.answer))
        sys.stdout.flush()

    def _open(self, row: Row) -> Session | None:
        try:
            return self._sessions.of(row.id)
        except RecurraError as error:
            return self._refuse(row, error)

    def _print(self, row: Row, session: Session, answer: Any) -> None:
        model = self._sessions.model
        document = model.document(answer)
        self._watch(row, document.get("drift"))
        if self._as_csv:
            # The rows of a model name its own sequences.
            names = zip(self._sessions.ids, row.id, strict=True)
            foreign = {name: value for name, value in names if name not in self._sessions.own_ids}
            for values in model.rows(session, answer):
                self._print_csv({**foreign, "step": session.steps, **values})
            return
        self._print_json(row, {"step": session.steps}, document)

    def _print_json(self, row: Row, place: dict[str, int], document: dict[str, Any]) -> None:
        whole = ({"id": row.id} if row.id else {}) | place | document
        sys.stdout.write(to_json(whole, inf_nan_mode="null").decode() + "\n")

    def _print_csv(self, values: dict[str, Any]) -> None:
        if not self._has_header:
            sys.stdout.write(csv_line(values))
            self._has_header = True
        sys.stdout.write(csv_line(values.values()))

    def _watch(self, row: Row, drift: float | None) -> None:
        """Warn when the errors of a sequence grow beyond the limit, and again only after they fell below it."""
        if drift is None or drift <= self._drift:
            self._drifting.discard(row.id)
        elif row.id not in self._drifting:
            self._drifting.add(row.id)
            of = f" of {' / '.join(row.id)}" if row.id else ""
            say(f"{row.where}: errors{of} are {drift:.3g} times those of the test part. Fit the model again soon.")

    def _count(self, row: Row) -> None:
        self.used += 1
        self._resumed.discard(row.id)

    def _refuse(self, row: Row, error: RecurraError) -> None:
        if isinstance(error, PastError) and row.id in self._resumed:
            self._complaints.pass_over()
            return
        self._sessions.forget_unused(row.id)
        self._complaints.report(row.where, error, row.hint)
