from __future__ import annotations

import difflib
import warnings
from pathlib import Path
from typing import Any

import polars as pl

from recurra.data._csv import read_csv
from recurra.data._table import Table
from recurra.errors import DataError, require

_EXCEL = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")


def open_table(source: Any) -> Table:
    """Open a path or a frame of pandas, polars or pyarrow as a table; content tells what a file is, then its suffix."""
    if isinstance(source, (str, Path)):
        table = _open_file(Path(source))
    else:
        table = _open_frame(source)
    if not table.columns:
        raise DataError(f"{table.name} has no columns; expected a header line and rows of values.")
    if not table.num_rows:
        raise DataError(f"{table.name} has a header but no rows; expected at least one row of values.")
    return table


def _open_file(path: Path) -> Table:
    if path.is_dir():
        raise DataError(f"{path} is a folder; expected one table file (CSV, TSV, Parquet or Excel){_tables_in(path)}.")
    if not path.exists():
        raise DataError(f"No such file: {path}.{_near(path)}")
    if not path.stat().st_size:
        raise DataError(f"{path} is empty; expected a header line and rows of values.")
    try:
        with path.open("rb") as file:
            magic = file.read(8)
    except OSError as error:
        raise DataError(f"{path} can't be opened: {error.strerror}.") from error
    suffix = path.suffix.lower()
    if magic.startswith(b"PAR1"):
        return _lazy(path, pl.scan_parquet, "Parquet")
    if magic.startswith(b"ARROW1"):
        return _lazy(path, pl.scan_ipc, "Arrow")
    if suffix in _EXCEL and magic.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return _open_excel(path)
    kind = "Parquet" if suffix in (".parquet", ".pq") else "Excel" if suffix in _EXCEL else ""
    if kind:
        raise DataError(
            f"{path} isn't in the {kind} format, whatever its name says. Write it again, or give it its right name."
        )
    return read_csv(path)


def _lazy(path: Path, scan: Any, kind: str) -> Table:
    try:
        frame = scan(path, glob=False)
        columns = tuple(frame.collect_schema().names())
        num_rows = int(frame.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path} is a damaged {kind} file ({_first_line(error)}). Write it again.") from error
    return Table(name=str(path), frame=frame, columns=columns, num_rows=num_rows, first_row=1)


def _open_excel(path: Path) -> Table:
    fastexcel: Any = require("fastexcel", extra="train")
    try:
        book = fastexcel.read_excel(str(path))
        for name in book.sheet_names:
            # Whole columns are looked at, so that a late text isn't lost in a column of numbers.
            frame = book.load_sheet(name, schema_sample_rows=None).to_polars()
            if frame.width and frame.height:
                break
        else:
            raise DataError(f"{path} holds no sheet with rows; expected a header line and rows of values.")
    except fastexcel.FastExcelError as error:
        raise DataError(f"{path} can't be read as a workbook ({_first_line(error)}).") from error
    filled = frame.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
    others = [other for other in book.sheet_names if other != name]
    notes = (f"Sheet {name!r} was read; the workbook also holds {', '.join(map(repr, others))}.",) if others else ()
    return Table(
        name=str(path),
        frame=frame.lazy(),
        columns=tuple(frame.columns),
        keep=None if filled.all() else filled.arg_true().to_numpy(),
        num_rows=int(filled.sum()),
        first_row=2,
        notes=notes,
    )


def _open_frame(source: Any) -> Table:
    import narwhals as nw

    if isinstance(source, pl.LazyFrame):
        source = source.collect()
    try:
        native = nw.from_native(source, allow_series=True)
    except TypeError as error:
        raise DataError(
            f"Can't read {type(source).__name__}; expected the path of a table or a frame of pandas, polars or pyarrow."
        ) from error
    if isinstance(native, nw.Series):
        native = native.alias(native.name or "value").to_frame()
    if native.implementation.is_pandas_like():
        native = nw.from_native(_with_index(native.to_native()))
    frame = _as_polars(native)
    return Table(name="the frame", frame=frame.lazy(), columns=tuple(frame.columns), num_rows=frame.height, first_row=0)


def _as_polars(native: Any) -> pl.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return native.lazy().collect("polars").to_native()
    except Exception:
        # Every engine has its own errors for a column of several kinds of value; such a column is read as text.
        if not native.implementation.is_pandas_like():
            raise
    frame = native.to_native()
    mixed = [column for column in frame.columns if str(frame[column].dtype) == "object"]
    return pl.DataFrame(
        {
            column: frame[column].map(str, na_action="ignore").tolist() if column in mixed else frame[column].to_numpy()
            for column in frame.columns
        },
        strict=False,
    )


def _with_index(frame: Any) -> Any:
    """A pandas frame with text for column names, its index as a column where it says something, periods as times."""
    index = frame.index
    kinds = [getattr(level, "dtype", None) for level in getattr(index, "levels", [index])]
    timed = any(getattr(kind, "kind", "") == "M" or str(kind).startswith("period") for kind in kinds)
    if timed or (type(index).__name__ != "RangeIndex" and any(name is not None for name in index.names)):
        frame = frame.reset_index()
    frame = frame.rename(columns={column: str(column) for column in frame.columns if not isinstance(column, str)})
    periods = [column for column in frame.columns if str(frame[column].dtype).startswith("period")]
    return frame.assign(**{column: frame[column].dt.to_timestamp() for column in periods}) if periods else frame


def _near(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f" There is no folder {folder} either."
    names = {entry.name.casefold(): entry.name for entry in folder.iterdir() if entry.is_file()}
    near = difflib.get_close_matches(path.name.casefold(), names, n=1, cutoff=0.6)
    return f" Did you mean {folder / names[near[0]]}?" if near else " Check the name and the folder."


def _tables_in(folder: Path) -> str:
    names = sorted(
        entry.name for entry in folder.iterdir() if entry.suffix.lower() in (".csv", ".tsv", ".gz", ".parquet", ".xlsx")
    )
    return f", for instance {folder / names[0]}" if names else ""


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
