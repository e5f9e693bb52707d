from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from recurra.data import Columns, read_panel
from recurra.data._source import open_table
from recurra.errors import DataError

FRAME = pl.DataFrame(
    {
        "when": pl.datetime_range(pl.datetime(2015, 1, 1), pl.datetime(2015, 1, 9), "1d", eager=True),
        "y": [1.5, None, 3, 4, 5, 6, 7, 8, 9.5],
        "kind": list("abcabcabc"),
        "n": [3, 1, 4, 1, 5, 9, 2, 6, 5],
    }
)
COLUMNS = Columns(target=("y",))


def same(panel) -> None:
    np.testing.assert_array_equal(panel.target[:, 0], FRAME["y"].cast(pl.Float32).fill_null(float("nan")).to_numpy())
    np.testing.assert_array_equal(panel.time, FRAME["when"].to_numpy())
    assert panel.past[:, 0].tolist() == FRAME["n"].to_list()
    assert panel.past_codes[:, 0].tolist() == [1, 2, 3] * 3
    assert panel.schema.past_categories == {"kind": ("a", "b", "c")}


@pytest.mark.parametrize("form", ["csv", "tsv", "semicolon", "parquet", "arrow", "xlsx", "csv.gz"])
def test_every_kind_of_file_gives_the_same_panel(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"table.{form}"
    if form == "parquet":
        FRAME.write_parquet(path)
    elif form == "arrow":
        FRAME.write_ipc(path)
    elif form == "xlsx":
        FRAME.to_pandas().to_excel(path, index=False)
    elif form == "csv.gz":
        FRAME.to_pandas().to_csv(path, index=False)
    else:
        FRAME.write_csv(path, separator={"csv": ",", "tsv": "\t", "semicolon": ";"}[form])
    same(read_panel(path, COLUMNS))
    same(read_panel(str(path), COLUMNS))


@pytest.mark.parametrize(
    "source",
    [
        FRAME,
        FRAME.lazy(),
        FRAME.to_pandas(),
        FRAME.to_arrow(),
        FRAME.to_pandas().set_index("when"),
        FRAME.to_pandas().astype({"kind": "category"}),
        FRAME.to_pandas().astype({"n": object, "kind": object}),
        FRAME.with_columns(pl.col("kind").cast(pl.Categorical), pl.col("n").cast(pl.Decimal(10, 2))),
        pa.table(FRAME.to_arrow()),
    ],
    ids=["polars", "lazy", "pandas", "arrow", "index", "category", "object", "decimal", "table"],
)
def test_every_kind_of_frame_gives_the_same_panel(source) -> None:
    same(read_panel(source, COLUMNS))


def test_pandas_peculiarities() -> None:
    series = pd.Series(np.arange(9.5), index=pd.date_range("2015", periods=10, freq="h"), name="load")
    assert read_panel(series, Columns()).schema.target == ("load",)
    periods = pd.DataFrame({"y": np.arange(9.5)}, index=pd.period_range("2015", periods=10, freq="M"))
    assert read_panel(periods, Columns()).schema.frequency == "1mo"
    numbered = pd.DataFrame({0: pd.date_range("2015", periods=3), 1: [1.5, 2, 4]})
    assert read_panel(numbered, Columns()).schema.target == ("1",)
    mixed = pd.DataFrame({"y": [1, "2", None, "n/a", 3.5]})
    np.testing.assert_array_equal(read_panel(mixed, Columns()).target[:, 0], [1, 2, np.nan, np.nan, 3.5])
    several = pd.DataFrame(
        {"y": range(4)},
        index=pd.MultiIndex.from_product([["a", "b"], pd.date_range("2015", periods=2)], names=["s", "t"]),
    )
    assert read_panel(several, Columns(target=("y",), series=("s",))).series == ("a", "b")


def test_rows_of_a_frame_count_from_zero() -> None:
    with pytest.raises(DataError, match="the frame, row 2: target 'y' is 'x'"):
        read_panel(pl.DataFrame({"y": ["1", "2", "x"]}), Columns(target=("y",)))


def test_the_first_sheet_with_rows_is_read_and_others_are_named(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    with pd.ExcelWriter(path) as writer:
        pd.DataFrame().to_excel(writer, sheet_name="empty", index=False)
        FRAME.to_pandas().to_excel(writer, sheet_name="data", index=False)
        FRAME.to_pandas().to_excel(writer, sheet_name="more", index=False)
    panel = read_panel(path, COLUMNS)
    same(panel)
    assert "Sheet 'data' was read; the workbook also holds 'empty', 'more'." in panel.notes


def test_a_row_of_a_sheet_is_named(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    pd.DataFrame({"d": ["2015-01-01", "2015-01-02"], "y": [1, "oops"]}).to_excel(path, index=False)
    with pytest.raises(DataError, match="row 3: target 'y' is 'oops'"):
        read_panel(path, Columns(target=("y",)))


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\n\n  \n", "is empty"),
        ("a.csv", b"a,b\n", "has a header but no rows"),
        ("a.csv", b"a,b\n\n\n", "has a header but no rows"),
        ("a.csv", bytes(range(256)) * 9, "binary data"),
        ("a.parquet", b"not parquet at all", "isn't in the Parquet format"),
        ("a.parquet", b"PAR1" + b"\x00" * 50, "damaged Parquet file"),
        ("a.xlsx", b"not a workbook", "isn't in the Excel format"),
        ("a.xlsx", b"PK\x03\x04" + b"\x00" * 50, "can't be read as a workbook"),
        ("a.csv.gz", b"\x1f\x8b\x08\x00", "damaged archive"),
    ],
)
def test_files_that_are_no_tables(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        open_table(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"No such file: .*Did you mean .*sales\.csv"):
        open_table(tmp_path / "Sale.csv")
    with pytest.raises(DataError, match="no folder"):
        open_table(tmp_path / "nowhere" / "sales.csv")
    with pytest.raises(DataError, match=r"is a folder.*for instance .*sales\.csv"):
        open_table(tmp_path)


@pytest.mark.parametrize("source", [[1, 2], {"y": [1]}, 5, None])
def test_things_that_are_no_tables(source) -> None:
    with pytest.raises(DataError, match="expected the path of a table or a frame"):
        open_table(source)
