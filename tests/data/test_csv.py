from __future__ import annotations

from pathlib import Path

import pytest

from recurra.data._csv import read_csv
from recurra.data._table import Table
from recurra.errors import DataError


def table(tmp_path: Path, text: str) -> Table:
    path = tmp_path / "table.csv"
    path.write_text(text, newline="")
    return read_csv(path)


def rows(table: Table) -> list[tuple[str, ...]]:
    return table.fetch(table.columns).rows()


@pytest.mark.parametrize(
    ("text", "columns", "values"),
    [
        ("a,b\n1,2\n", ("a", "b"), [("1", "2")]),
        ("a,b\n1,2", ("a", "b"), [("1", "2")]),
        ("a,b\r\n1,2\r\n", ("a", "b"), [("1", "2")]),
        ("a\tb\n1,5\t2\n", ("a", "b"), [("1,5", "2")]),
        ("a;b, in EUR\n1;2,5\n", ("a", "b, in EUR"), [("1", "2,5")]),
        ("a|b\n1|2\n", ("a", "b"), [("1", "2")]),
        ("a  b\n1 2\n 3   4\n", ("a", "b"), [("1", "2"), ("3", "4")]),
        ("sep=;\na;b\n1;2\n", ("a", "b"), [("1", "2")]),
        ("# made by x\n#\na,b\n1,2\n", ("a", "b"), [("1", "2")]),
        ("\n\na,b\n1,2\n", ("a", "b"), [("1", "2")]),
        (" a , b \n1,2\n", ("a", "b"), [("1", "2")]),
        ("a,,a\n1,2,3\n", ("a", "column_2", "a_2"), [("1", "2", "3")]),
        ("a,a_2,a\n1,2,3\n", ("a", "a_2", "a_3"), [("1", "2", "3")]),
        ("y\n1\n2\n", ("y",), [("1",), ("2",)]),
        ("2015-01-01,1.5\n2015-01-02,2\n", ("column_1", "column_2"), [("2015-01-01", "1.5"), ("2015-01-02", "2")]),
        ('"a","b"\n"1","x, y"\n', ("a", "b"), [("1", "x, y")]),
        ('a,b\n1,"x ""y"" z"\n', ("a", "b"), [("1", 'x "y" z')]),
        ('a,b\n1,"x\ny"\n2,z\n', ("a", "b"), [("1", "x y"), ("2", "z")]),
        ('a,b\n1,5" pipe\n2,z\n', ("a", "b"), [("1", '5" pipe'), ("2", "z")]),
        ('"a\nb",c\n1,2\n', ("a\nb", "c"), [("1", "2")]),
        ("a,b\n\n1,2\n\n,\n3,4\n\n\n", ("a", "b"), [("1", "2"), ("3", "4")]),
    ],
)
def test_dialects(tmp_path: Path, text: str, columns: tuple[str, ...], values: list[tuple[str, ...]]) -> None:
    read = table(tmp_path, text)
    assert read.columns == columns
    assert rows(read) == values
    assert read.num_rows == len(values)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("a,b\n1,2\n3,4\n", [2, 3]),
        ("a,b\n\n1,2\n\n3,4\n", [3, 5]),
        ("# x\na,b\n1,2\n", [3]),
        ("1,2\n3,4\n", [1, 2]),
        ('a,b\n1,"x\ny"\n2,z\n', [3, 4]),
    ],
)
def test_row_numbers_are_those_of_an_editor(tmp_path: Path, text: str, numbers: list[int]) -> None:
    read = table(tmp_path, text)
    assert [read.row(position) for position in range(read.num_rows)] == [f"{read.name}, row {n}" for n in numbers]


@pytest.mark.parametrize(
    ("text", "line", "given", "expected"),
    [
        ("a,b\n1,2\n3,4,5\n", 3, 3, 2),
        ("a,b,c\n1,2,3\n\n4,5\n", 4, 2, 3),
        ('a,b,c\n1,"x,y",3\n4,"5,6"\n', 3, 2, 3),
        ('a,b\n1,"x\ny"\n2\n', 4, 1, 2),
        ("a,b\n" + "1,2\n" * 5000 + "1\n", 5002, 1, 2),
    ],
)
def test_ragged_lines_are_named(tmp_path: Path, text: str, line: int, given: int, expected: int) -> None:
    with pytest.raises(DataError, match=f"line {line}: {given} fields, but the header has {expected}"):
        table(tmp_path, text)


def test_a_missing_value_in_one_column_is_kept_but_not_blank_lines_at_the_end(tmp_path: Path) -> None:
    assert rows(table(tmp_path, "y\n1\n\n3\n\n\n")) == [("1",), ("",), ("3",)]


def test_an_unclosed_quote_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line"):
        table(tmp_path, 'a,b\n1,"x\n2,y\n3,z\n')


@pytest.mark.parametrize(("text", "comma"), [("a;b\n1;2,5\n", True), ("a;b\n1;2.5\n", False), ("a,b\n1,2\n", False)])
def test_decimal_commas_are_noticed(tmp_path: Path, text: str, comma: bool) -> None:
    assert table(tmp_path, text).decimal_comma is comma


def test_columns_are_fetched_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recurra.data._table._GROUP_BYTES", 60)
    read = table(tmp_path, "a,b,c\n1,2,3\n4,5,6\n")
    frames = list(read.batches(read.columns))
    assert len(frames) == 3
    assert [frame.columns for frame in frames] == [["a"], ["b"], ["c"]]


def test_a_name_with_commas_may_come_in_pieces(tmp_path: Path) -> None:
    read = table(tmp_path, 'd,"Price, USD",a\n1,2,3\n')
    assert read.resolve(("Price", "USD", "a"), "target") == ("Price, USD", "a")
    assert read.resolve(("Price, USD",), "target") == ("Price, USD",)
