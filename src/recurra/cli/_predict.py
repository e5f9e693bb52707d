from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

import recurra
from recurra.cli._files import check_new_file, write_file
from recurra.cli._output import PLAIN, Output, Screen, Seed
from recurra.errors import ConfigError

if TYPE_CHECKING:
    import polars

FORMATS = (".csv", ".parquet", ".json")


def predict(
    bundle: Annotated[Path, Parameter(help="Folder that `recurra fit` wrote.")],
    data: Annotated[str, Parameter(help="Table that ends where the forecast begins.")],
    /,
    *,
    out: Annotated[
        Path | None, Parameter(help="File to write: .csv, .parquet or .json. Default: CSV on stdout.")
    ] = None,
    overwrite: Annotated[bool, Parameter(help="Replace the file that --out names.", negative=())] = False,
    seed: Seed = None,
    output: Output = PLAIN,
) -> None:
    """Forecast."""
    if out is not None:
        if out.suffix.lower() not in FORMATS:
            raise ConfigError(f"--out {out}: unknown ending {out.suffix!r}. Use one of {', '.join(FORMATS)}.")
        check_new_file(out, overwrite=overwrite)
    screen = Screen(output)
    frame = recurra.load(bundle).predict(data, seed=seed)
    if out is None:
        if not output.json:
            sys.stdout.write(_with_iso_times(frame).write_csv())
        screen.document({"forecast": _rows(frame)})
        return
    write_file(out, render(frame, out.suffix.lower()))
    screen.say(f"Forecast  {out}")
    screen.document({"bundle": str(bundle), "out": str(out), "rows": frame.height})


def render(frame: polars.DataFrame, suffix: str) -> bytes:
    """The frame as a file of this kind."""
    import io
    import json

    if suffix == ".csv":
        return _with_iso_times(frame).write_csv().encode()
    if suffix == ".json":
        return (json.dumps(_rows(frame), ensure_ascii=False, indent=1) + "\n").encode()
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def _rows(frame: polars.DataFrame) -> list[dict[str, object]]:
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
