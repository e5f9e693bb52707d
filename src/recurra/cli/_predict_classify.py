from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from recurra.bundle import open_bundle
from recurra.cli._csv_text import csv_line
from recurra.cli._files import check_new_file, write_file
from recurra.cli._output import OutputOptions, Screen
from recurra.cli._text import kind_of, likely_encoding
from recurra.errors import ConfigError, DataError, MissingExtraError
from recurra.tasks.classify._live import LiveClassifier, open_classifier

FORMATS = (".csv", ".parquet", ".json")
_TABLES = {".csv": ",", ".tsv": "\t"}


def predict_classify(
    *,
    bundle: Path,
    data: str | None,
    out: Path | None,
    overwrite: bool,
    seed: int | None,
    output: OutputOptions,
    text: tuple[str, ...] = (),
    runtime: bool = False,
) -> None:
    """Label the texts or series of a file, or texts as they are given; torch isn't needed, and wouldn't be faster."""
    if (data is None) == (not text):
        given = "both a file and --text were" if data is not None else "neither a file nor --text was"
        raise ConfigError(f"{bundle} labels texts, and {given} given. Name a file, or pass --text 'A sentence.'.")
    suffix = ".csv" if out is None else out.suffix.lower()
    if out is not None:
        if suffix not in FORMATS:
            raise ConfigError(f"--out {out}: unknown ending {out.suffix!r}. Use one of {', '.join(FORMATS)}.")
        check_new_file(out, overwrite=overwrite)
    screen = Screen(output)
    live = open_classifier(open_bundle(bundle))
    if text:
        _check_texts(live)
        columns = _answered(live, list(text), live.classify(text))
    elif runtime or find_spec("polars") is None:
        columns = _without_polars(live, Path(str(data)))
    else:
        columns = _with_polars(live, str(data))
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    if out is not None:
        write_file(out, _rendered(rows, suffix))
        counts = Counter(columns["label"]).most_common(6)
        screen.say(f"Labels  {out}: {', '.join(f'{count:,} {label}' for label, count in counts)}")
        screen.document({"bundle": str(bundle), "out": str(out), "rows": len(rows)})
    elif output.json:
        screen.document({"answers": rows})
    elif text:
        _say(screen, live, rows)
    else:
        sys.stdout.write(_rendered(rows, ".csv").decode())


def _say(screen: Screen, live: LiveClassifier, rows: list[dict[str, Any]]) -> None:
    """Each text with its label, and the labels that are likeliest."""
    for row in rows:
        likeliest = sorted(live.answers.labels, key=lambda label: -row[f"p_{label}"])[:5]
        shares = ", ".join(f"{label} {row[f'p_{label}']:.1%}" for label in likeliest)
        screen.say(f"{row['label'] or 'none of the labels'}  ({shares})", style="bold")


def _answered(live: LiveClassifier, names: Sequence[str], probabilities: np.ndarray) -> dict[str, list[Any]]:
    columns = live.answers.columns(probabilities)
    name = live.answers.column
    return {name if name not in columns else "text": list(names), **columns}


def _check_texts(live: LiveClassifier) -> None:
    if live.answers.kind != "text":
        raise ConfigError(f"{live.name} classifies series of numbers, not texts. Give a file with its rows.")


def _with_polars(live: LiveClassifier, data: str) -> dict[str, list[Any]]:
    """The answers to a file of any kind that is fitted on."""
    from recurra.tasks.classify._config import DocumentColumns
    from recurra.tasks.classify._samples import read_samples

    asked = {name: live.bundle.manifest.config[name] for name in DocumentColumns.model_fields}
    if live.answers.kind == "numbers":
        asked["values"] = list(live.spec().columns)
    samples = read_samples(data, DocumentColumns.model_validate(asked), needs_labels=False)
    if samples.rows is None:
        return _answered(live, samples.names, live.classify(samples.names))
    return _answered(live, samples.names, live.classify(np.split(samples.rows, samples.offsets[1:-1])))


def _without_polars(live: LiveClassifier, path: Path) -> dict[str, list[Any]]:
    """The answers to a file of CSV, JSON lines or plain lines, by the runtime alone."""
    asked = live.bundle.manifest.config
    if live.answers.kind == "text":
        texts = list(_texts(path, asked.get("text"), live.answers.column))
        return _answered(live, texts, live.classify(texts))
    names: dict[str, list[Any]] = {}
    series, columns = str(asked["series"]), live.spec().columns
    for row in _rows(path):
        if series not in row:
            raise DataError(f"{path} has no column {series!r}, which names the series. Its columns: {', '.join(row)}.")
        names.setdefault(row[series], []).append(live.read({name: row.get(name) for name in columns})[0])
    return _answered(live, list(names), live.classify([np.array(rows) for rows in names.values()]))


def _texts(path: Path, column: Any, fitted: str) -> Iterator[str]:
    if path.suffix.lower() not in (*_TABLES, ".jsonl", ".ndjson"):
        yield from (line for line in _decoded(path).split("\n") if line.strip())
        return
    for row in _rows(path):
        name = column or next((name for name in (fitted, "text", "review", "sentence", "content") if name in row), None)
        if name not in row:
            wanted = repr(column or fitted)
            raise DataError(f"{path} has no column {wanted}. Its columns: {', '.join(row)}.")
        yield row[name] or ""


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    content = _decoded(path)
    if path.suffix.lower() in _TABLES:
        yield from csv.DictReader(content.splitlines(keepends=True), delimiter=_TABLES[path.suffix.lower()])
        return
    for number, line in enumerate(content.split("\n"), 1):
        if line.strip():
            try:
                yield dict(json.loads(line))
            except (ValueError, TypeError) as error:
                raise DataError(f"{path}, line {number} isn't a JSON object. Mend it.") from error


def _decoded(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}. Give a file of texts.") from error
    if kind := kind_of(raw[:8]):
        raise MissingExtraError(
            f"{path} is {kind}; without torch and polars, CSV, JSON lines and plain lines in UTF-8 are read. "
            "Convert it, or run: pip install 'recurra[train]'"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        guess = likely_encoding(raw[:4096])
        hint = f"Convert it: iconv -f {guess} -t UTF-8." if guess else "Convert it, for instance by iconv."
        raise DataError(f"{path}: byte {error.start} isn't UTF-8. {hint}") from error


def _rendered(rows: list[dict[str, Any]], suffix: str) -> bytes:
    """Rows as a file of this kind."""
    if suffix == ".csv":
        head = list(rows[0]) if rows else []
        return "".join(csv_line(cells) for cells in (head, *(row.values() for row in rows))).encode(
            errors="surrogatepass"
        )
    if suffix == ".json":
        return (json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode(errors="surrogatepass")
    if find_spec("polars") is None:
        raise ConfigError(
            "Without polars, .csv and .json are written. Use one of them, or pip install 'recurra[train]'"
        )
    import io

    import polars as pl

    buffer = io.BytesIO()
    pl.DataFrame(rows).write_parquet(buffer)
    return buffer.getvalue()
