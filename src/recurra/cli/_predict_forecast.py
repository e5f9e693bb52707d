from __future__ import annotations

import json
import os
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import recurra
from recurra.bundle import open_bundle
from recurra.cli._csv_text import csv_line
from recurra.cli._files import check_new_file, write_file
from recurra.cli._output import OutputOptions, Screen
from recurra.errors import ConfigError
from recurra.tasks._load import ESTIMATORS

if TYPE_CHECKING:
    import polars

FORMATS = (".csv", ".parquet", ".json")


def predict_forecast(
    *,
    bundle: Path,
    data: str | None,
    out: Path | None,
    overwrite: bool,
    seed: int | None,
    output: OutputOptions,
    runtime: bool = False,
    every_step: bool = False,
) -> None:
    """Forecast what comes after the last row of a table."""
    if data is None:
        raise ConfigError(
            f"{bundle} forecasts from a table, and none was given. Name it: recurra predict {bundle} DATA."
        )
    suffix = ".csv" if out is None else out.suffix.lower()
    if out is not None:
        if suffix not in FORMATS:
            raise ConfigError(f"--out {out}: unknown ending {out.suffix!r}. Use one of {', '.join(FORMATS)}.")
        check_new_file(out, overwrite=overwrite)
    screen = Screen(output)
    if runtime or every_step or _is_json_lines(Path(data)) or not _is_for_torch(bundle):
        from recurra.cli._predict_rows import predict_rows
        from recurra.cli._stream_complaints import say

        if suffix == ".parquet":
            raise ConfigError(f"--out {out}: without torch and polars, .csv and .json are written. Use one of them.")
        remark = say if not output.quiet else lambda text: None
        found = predict_rows(bundle, Path(data), every_step=every_step, seed=seed, remark=remark)
        rows, rendered = (lambda: found), partial(render_rows, found)
    else:
        frame = recurra.load(bundle).predict(data, seed=seed)
        rows, rendered = partial(_rows, frame), partial(render, frame)
    if out is None:
        if not output.json:
            sys.stdout.write(rendered(".csv").decode())
        screen.document({"forecast": rows() if output.json else ()})
        return
    write_file(out, rendered(suffix))
    screen.say(f"Forecast  {out}")
    screen.document({"bundle": str(bundle), "out": str(out), "rows": len(rows())})


def _is_json_lines(data: Path) -> bool:
    """Whether a file holds a JSON object a line, by its name or its first byte."""
    if data.suffix.lower() in (".jsonl", ".ndjson"):
        return True
    # Whoever reads the table says what is wrong with one that can't be read.
    if not data.is_file() or not os.access(data, os.R_OK):
        return False
    with data.open("rb") as file:
        return file.read(1) == b"{"


def _is_for_torch(bundle: Path) -> bool:
    """Whether the training side is installed, and knows this model."""
    return None not in (find_spec("torch"), find_spec("polars")) and open_bundle(bundle).manifest.task in ESTIMATORS


def render_rows(rows: list[dict[str, Any]], suffix: str) -> bytes:
    """Rows as a file of this kind; they have the columns of the first one."""
    if suffix == ".csv":
        return "".join(csv_line(cells) for cells in (*rows[:1], *(row.values() for row in rows))).encode()
    return (json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode()


def render(frame: polars.DataFrame, suffix: str) -> bytes:
    """The frame as a file of this kind."""
    import io

    if suffix == ".csv":
        return _with_iso_times(frame).write_csv().encode()
    if suffix == ".json":
        return render_rows(_rows(frame), suffix)
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def _rows(frame: polars.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON data; numbers that aren't finite are null."""
    import polars as pl
    import polars.selectors as cs

    finite = cs.float().map_batches(lambda column: pl.select(pl.when(column.is_finite()).then(column)).to_series())
    return _with_iso_times(frame).with_columns(finite).to_dicts()


def _with_iso_times(frame: polars.DataFrame) -> polars.DataFrame:
    """Times as ISO 8601 text, with fractions and zones only where there are any."""
    import polars.selectors as cs

    plain, zoned = cs.datetime(time_zone=None), cs.datetime(time_zone="*")
    return frame.with_columns(
        cs.date().dt.to_string("iso"),
        plain.dt.to_string("%Y-%m-%dT%H:%M:%S%.f"),
        zoned.dt.to_string("%Y-%m-%dT%H:%M:%S%.f%:z"),
    )
