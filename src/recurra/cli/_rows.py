from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pydantic_core import from_json

from recurra.cli._lines import LONGEST
from recurra.cli._text import kind_of, likely_encoding
from recurra.errors import ConfigError, DataError
from recurra.runtime import Spec

Format = Literal["auto", "json", "csv", "values", "text"]


class Row(NamedTuple):
    """A line as a model takes it: where it stood, whose it is, what to push, how it was read if that is a guess, and
    its number.
    """

    where: str
    id: tuple[str, ...]
    push: Any
    hint: str
    line: int


class Table(NamedTuple):
    """How lines of CSV are read."""

    delimiter: str
    columns: tuple[str, ...]


class RowReader:
    """Reads lines as pushes: JSON, CSV with a header or without, plain values, or text.

    A model of texts takes lines as they are, with the end of the line if `ends`, unless the first one is an object of
    JSON that has a text.
    `ids` are columns that name a sequence besides those of the model; `columns` name the values of lines that have
    neither names nor a header, by default the model's own. A header may come again, in another order: the rows below it
    are read by it. `remark` is told that, and what is left out. `source` is the name of a file, or nothing. `hint` says
    in which order values without names are read, once they are.
    """

    def __init__(
        self,
        spec: Spec,
        *,
        form: Format = "auto",
        ids: Sequence[str] = (),
        columns: Sequence[str] = (),
        source: str = "",
        ends: bool = False,
        remark: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.ids = tuple(dict.fromkeys((*ids, *spec.id_columns)))
        self.lines = 0
        self.hint = ""
        self._source = source
        self._is_of_texts, self._end = spec.whole, "\n" if ends else ""
        self._form = form
        self._wanted = spec.columns
        self._own = dict.fromkeys((*spec.columns, *spec.push.get("properties", ())))
        self._columns = tuple(columns) or (*(name for name in self.ids if name not in self._own), *spec.columns)
        self._known = self._own.keys() | set(self.ids)
        self._has_header = not columns
        if not self._own.keys() & set(self._columns):
            raise ConfigError(
                f"--columns names {', '.join(columns)}, none of which the model reads. It reads {self._listed}."
            )
        self._remark = remark
        self._unused: set[str] = set()
        self._read: Callable[[str], Row | None] | None = None
        self._table = Table(",", ())

    @property
    def where(self) -> str:
        """The line that was read last."""
        return f"{self._source}, line {self.lines}" if self._source else f"line {self.lines}"

    def read(self, line: bytes) -> Row | None:
        """The row of a line, None for an empty one or a header.

        DataError for what can't be read, ConfigError where nothing that follows can be.
        """
        self.lines += 1
        if len(line) > LONGEST:
            raise DataError(f"The line is longer than {LONGEST} bytes. Send one row a line.")
        if self._read is None and b"\0" in line:
            raise self._refusal(line)
        try:
            text = line.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            if self._read is None:
                raise self._refusal(line) from error
            raise DataError(f"Byte {error.start + 1} isn't UTF-8. Convert the input, for instance by iconv.") from error
        if self._read is None and text.strip():
            self._read = self._way_to_read(text)
        # An empty line is a part of a text that goes on over lines, and else nothing.
        if self._read is None or not (text.strip() or (self._end and self._read == self._of_text)):
            return None
        return self._read(text)

    def _way_to_read(self, text: str) -> Callable[[str], Row | None]:
        """How lines are read, judging by the first one that is no mistake."""
        if self._form == "text" or (self._form == "auto" and self._is_of_texts and not _holds_text(text)):
            return self._of_text
        if self._form == "json" or (self._form == "auto" and text.lstrip()[0] in "{["):
            return self._of_json
        if self._form != "values" and (self._adopt(text) or self._go_without_header(text)):
            return self._of_csv
        if self._form == "values" or (self._form == "auto" and not any(isinstance(v, str) for v in _values(text))):
            return lambda line: self._of_list(_values(line))
        raise DataError(
            f"{_shown(text)} is neither a header nor a row of {len(self._columns)}. Begin with a header that names "
            f"some of {self._listed}, or name the values of a row by --columns."
        )

    def _refusal(self, line: bytes) -> ConfigError:
        """What to do about an input that begins with bytes that aren't UTF-8."""
        kind, encoding = kind_of(line), likely_encoding(line)
        if not encoding:
            return ConfigError(f"{self.where} isn't text{f' but {kind}' if kind else ''}. Send rows of JSON or CSV.")
        return ConfigError(
            f"{self.where} isn't UTF-8; it looks like {encoding}. Convert the input: iconv -f {encoding} -t UTF-8."
        )

    def _adopt(self, text: str) -> bool:
        """Read the lines that follow by this header, if it's one."""
        if not self._has_header:
            return False
        header = max(
            _tables(text), key=lambda table: (len(self._known.intersection(table.columns)), len(table.columns))
        )
        if not self._known.intersection(header.columns) or (self._read is not None and not self._is_header(header)):
            return False
        if twice := [name for name in self._known if header.columns.count(name) > 1]:
            raise ConfigError(
                f"{self.where}: the header names {', '.join(sorted(twice))} twice. Name each column once."
            )
        if self._read is not None:
            self._remark(f"{self.where} is another header; rows below are read as {', '.join(header.columns)}.")
        if lacking := [name for name in self._wanted if name not in header.columns]:
            self._remark(f"The header has no {', '.join(lacking)}, so no row does.")
        self._table, self.hint = header, ""
        return True

    def _is_header(self, table: Table) -> bool:
        """Whether a line below the first is a header: one of names alone, or of several that rows wouldn't hold."""
        names = set(table.columns)
        strangers = names - self._known - set(self._table.columns)
        is_named = not strangers or len(names & self._known) > 1
        return is_named and not any(map(_is_number, strangers)) and not all(map(_is_number, names))

    def _go_without_header(self, text: str) -> bool:
        """Read lines as rows of all columns, if this is one."""
        if len(self._columns) < 2 and self._form != "csv":
            return False
        for table in _tables(text):
            if len(table.columns) == len(self._columns):
                self._table = Table(table.delimiter, self._columns)
                self.hint = self._order
                return True
        return False

    def _of_json(self, text: str) -> Row:
        try:
            given = from_json(text)
        except ValueError as error:
            raise DataError(f"{_shown(text)} isn't JSON: {error}.") from error
        if isinstance(given, dict):
            if text.count(":") > len(given):
                json.loads(text, object_pairs_hook=_once)
            return self._of_mapping(given)
        return self._of_list(given) if isinstance(given, list) else self._of_list([given])

    def _of_csv(self, text: str) -> Row | None:
        """A row of CSV; None for a header, which files that were joined repeat."""
        columns = self._table.columns
        cells = _cells(text, self._table.delimiter)
        if cells == [*columns]:
            return None
        if (len(cells) != len(columns) or not self._known.isdisjoint(cells)) and self._adopt(text):
            return None
        if len(cells) != len(columns):
            raise DataError(f"The row has {len(cells)} values; expected {len(columns)}: {', '.join(columns)}.")
        return self._of_mapping(dict(zip(columns, cells, strict=True)))

    def _of_text(self, text: str) -> Row:
        if self.ids:
            raise ConfigError(
                f"--id {','.join(self.ids)} is given, and {self.where} is a text without columns. Send objects of "
                f'JSON, such as {{"{self.ids[0]}": 1, "text": "..."}}, or leave --id out.'
            )
        return Row(self.where, (), text.removesuffix("\r") + self._end, "", self.lines)

    def _of_list(self, values: list[Any]) -> Row:
        """Values without names: those of all columns, or what a model without ids reads as it is."""
        if len(self._columns) > 1:
            self.hint = self._order
        if len(values) == len(self._columns) > 1:
            return self._of_mapping(dict(zip(self._columns, values, strict=True)))
        if self.ids:
            raise DataError(f"The row has {len(values)} values; expected one for each of {', '.join(self._columns)}.")
        return Row(self.where, (), values[0] if len(values) == 1 else values, self.hint, self.lines)

    def _of_mapping(self, given: Mapping[str, Any]) -> Row:
        push = {name: value for name, value in given.items() if name in self._own}
        if len(push) < len(given):
            self._remark_on(given)
        if not push:
            raise DataError(f"The row has {', '.join(given) or 'nothing'}; the model reads {self._listed}.")
        if absent := [name for name in self.ids if name not in given]:
            raise DataError(f"The row has {', '.join(given)}, but no {', '.join(absent)}, which says whose it is.")
        return Row(self.where, tuple(_id(given[name]) for name in self.ids), push, self.hint, self.lines)

    def _remark_on(self, given: Mapping[str, Any]) -> None:
        for name in given:
            if name not in self._own and name not in self.ids and name not in self._unused:
                is_clear = self._unused or self.ids or self._is_of_texts
                hint = "" if is_clear else f" If it tells sequences apart, pass --id {name}."
                self._unused.add(name)
                self._remark(f"The model doesn't read {name!r}; it reads {self._listed}.{hint}")

    @property
    def _order(self) -> str:
        return f"Rows without names are read as {', '.join(self._columns)}; --columns names another order."

    @property
    def _listed(self) -> str:
        return ", ".join(self._wanted)


def _tables(text: str) -> list[Table]:
    """A line as the header of a table, by each delimiter."""
    return [Table(delimiter, tuple(_cells(text, delimiter))) for delimiter in ",;\t|"]


def _holds_text(line: str) -> bool:
    """Whether a line is an object of JSON with a text in it, not a text that looks like one."""
    try:
        given = from_json(line)
    except ValueError:
        return False
    return isinstance(given, dict) and "text" in given


def _cells(text: str, delimiter: str) -> list[str]:
    if '"' not in text:
        return [cell.strip() for cell in text.split(delimiter)]
    try:
        return [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter, strict=True))]
    except csv.Error as error:
        raise DataError(f"{_shown(text)} can't be read as CSV: {error}.") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON. DataError where a key comes twice."""
    given = dict(pairs)
    if len(given) < len(pairs):
        names = [name for name, _ in pairs]
        twice = ", ".join(name for name in given if names.count(name) > 1)
        raise DataError(f"The row has {twice} twice. Name each column once.")
    return given


def _values(text: str) -> list[float | str]:
    """The values of a line, numbers where they are."""
    return [float(token) if _is_number(token) else token for token in text.split()]


def _is_number(token: str) -> bool:
    try:
        float(token)
    except ValueError:
        return False
    return True


def _id(value: Any) -> str:
    """A value that names a sequence, the same from JSON and from CSV."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value).strip()


def _shown(text: str) -> str:
    return repr(text) if len(text) <= 60 else repr(text[:57]) + "..."
