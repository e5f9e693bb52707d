from __future__ import annotations

import datetime
import errno
import json
import os
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from cases import bundles
from recurra.cli import main
from recurra.cli._predict_forecast import render, render_rows
from recurra.runtime import load
from tasks.forecast.conftest import hourly
from tasks.forecast.live_cases import COVARIATES, LiveCase, fit

CSV = "series,time,mean,0.9\n甲,2026-01-01T00:00:00,1.5,2.0\n甲,2026-01-01T01:00:00,NaN,3.0\n"


@pytest.fixture
def fitted(shell):
    assert shell.fit().code == 0
    return shell


def test_a_forecast_goes_to_stdout_as_csv(fitted):
    outcome = fitted("predict", "model", "data.csv")
    assert (outcome.code, outcome.out, outcome.err) == (0, CSV, "")
    assert fitted.called("predict") == ("data.csv", None)
    fitted("predict", "model", "data.csv", "--seed", "3")
    assert fitted.called("predict") == ("data.csv", 3)


def test_a_forecast_as_json(fitted):
    document = json.loads(fitted("predict", "model", "data.csv", "--json").out)
    assert document == {
        "forecast": [
            {"series": "甲", "time": "2026-01-01T00:00:00", "mean": 1.5, "0.9": 2.0},
            {"series": "甲", "time": "2026-01-01T01:00:00", "mean": None, "0.9": 3.0},
        ]
    }


def test_a_forecast_in_a_file(fitted):
    for suffix in ("csv", "parquet", "json"):
        outcome = fitted("predict", "model", "data.csv", "--out", f"forecast.{suffix}")
        assert outcome.out == f"Forecast  forecast.{suffix}\n"
    assert (fitted.folder / "forecast.csv").read_text(encoding="utf-8") == CSV
    assert pl.read_parquet(fitted.folder / "forecast.parquet")["0.9"].to_list() == [2.0, 3.0]
    assert json.loads((fitted.folder / "forecast.json").read_text(encoding="utf-8"))[1]["mean"] is None
    outcome = fitted("predict", "model", "data.csv", "--out", "again.csv", "--json")
    assert json.loads(outcome.out) == {"bundle": "model", "out": "again.csv", "rows": 2}


@pytest.mark.parametrize(
    ("out", "complaint"),
    [
        ("forecast.xls", "unknown ending '.xls'. Use one of .csv, .parquet, .json."),
        ("data.csv", "data.csv exists already."),
        ("nowhere/forecast.csv", "there is no folder"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_any_work(fitted, out, complaint):
    outcome = fitted("predict", "model", "data.csv", "--out", out)
    assert (outcome.code, outcome.out, fitted.calls) == (2, "", [])
    assert complaint in outcome.err


def test_a_file_is_replaced_when_asked_for(fitted):
    (fitted.folder / "forecast.csv").write_text("old")
    assert fitted("predict", "model", "data.csv", "--out", "forecast.csv", "--overwrite").code == 0
    assert (fitted.folder / "forecast.csv").read_text(encoding="utf-8") == CSV


def test_a_full_disk_leaves_the_old_file(fitted, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (fitted.folder / "forecast.csv").write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    outcome = fitted("predict", "model", "data.csv", "--out", "forecast.csv", "--overwrite")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("forecast.csv couldn't be written: No space left on device.")
    assert (fitted.folder / "forecast.csv").read_text() == "old"
    assert sorted(os.listdir(fitted.folder)) == ["data.csv", "forecast.csv", "model"]


def test_a_damaged_bundle_is_refused(fitted):
    weights = fitted.folder / "model" / "weights.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)
    for verb in ("predict", "evaluate"):
        outcome = fitted(verb, "model", "data.csv")
        assert (outcome.code, outcome.out) == (2, "")
        assert "model/weights.safetensors is damaged" in outcome.err


def test_evaluate_prints_the_scores_and_the_verdict(fitted):
    outcome = fitted("evaluate", "model", "data.csv")
    assert fitted.called("evaluate") == "data.csv"
    assert outcome.out.startswith("On 1,200 windows of data.csv")
    assert "persistence" in outcome.out
    assert outcome.out.endswith("Worth having: a fake always is.\n")
    document = json.loads(fitted("evaluate", "model", "data.csv", "--json").out)
    assert document["scores"]["metrics"]["mae"] == 1.25
    assert document["data"] == "data.csv"


def test_zones_and_fractions_of_a_second_are_kept():
    times = pl.Series("time", [datetime.datetime(2026, 1, 1), datetime.datetime(2026, 7, 1, 0, 0, 0, 500)])
    frame = pl.DataFrame(
        [times.dt.replace_time_zone("Europe/Berlin"), times.alias("local"), times.dt.date().alias("day")]
    )
    assert render(frame, ".csv").decode().splitlines()[1:] == [
        "2026-01-01T00:00:00+01:00,2026-01-01T00:00:00,2026-01-01",
        "2026-07-01T00:00:00.000500+02:00,2026-07-01T00:00:00.000500,2026-07-01",
    ]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle that no task made, and a forecaster of two series with covariates and its table."""
    folder = tmp_path_factory.mktemp("models")
    bundles.numbers(folder / "numbers")
    return folder


@pytest.fixture(scope="module")
def forecaster(models: Path) -> Path:
    fit(LiveCase("", lambda: hourly(160), COVARIATES), models / "shops")
    ahead = pl.int_range(pl.len()).over("shop") >= 155
    table = hourly(160).with_columns(pl.when(ahead).then(None).otherwise(pl.col("y")).alias("y"))
    table.write_csv(models / "shops.csv")
    return models / "shops"


def test_a_model_of_no_task_answers_after_the_last_row(shell, models):
    (shell.folder / "rows.csv").write_text("right,left.1,left.0,more\n-2,1,0.5,x\n\n0,-0.25,3,y\n")
    model = load(models / "numbers")
    session = model.stream()
    expected = [
        model.rows(session, session.push({"left": x[:2], "right": x[2]}))[0] for x in ([0.5, 1, -2], [3, -0.25, 0])
    ]
    given = ("predict", str(models / "numbers"), "rows.csv")
    assert json.loads(shell(*given, "--json").out) == {"forecast": expected[1:]}
    assert json.loads(shell(*given, "--all", "--json").out) == {"forecast": expected}
    head, *rows = shell(*given, "--all").out.splitlines()
    assert head == "step,output.0,output.1,output.2"
    assert rows == [",".join(map(repr, row.values())) for row in expected]
    assert shell(*given, "--out", "answers.json").out == "Forecast  answers.json\n"
    assert json.loads((shell.folder / "answers.json").read_text()) == expected[1:]


@pytest.mark.parametrize(
    ("content", "arguments", "complaint"),
    [
        (b"1 2 3\n1 2\n", (), "rows, line 2: A push has list; numbers takes left, right."),
        (b"1 2 3\n\xff\n", (), "rows, line 2: Byte 1 isn't UTF-8."),
        (b"\n", (), "rows holds no rows; expected at least one."),
        (b"PAR1....", (), "rows is Parquet;"),
        (b"\x1f\x8b....", (), "or run: pip install 'recurra[train]'"),
        (b"1 2 3\n", ("--out", "x.parquet"), "--out x.parquet: without torch and polars, .csv and .json are written."),
    ],
)
def test_what_only_torch_can_read_or_nobody_is_refused(shell, models, content, arguments, complaint):
    (shell.folder / "rows").write_bytes(content)
    outcome = shell("predict", str(models / "numbers"), "rows", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert complaint in outcome.err
    assert shell("predict", str(models / "numbers"), "nowhere").err.startswith("nowhere: No such file or directory.")


def test_numbers_and_words_are_written_as_polars_writes_them():
    draw = np.random.default_rng(0)
    numbers = (draw.standard_normal(2000) * 10.0 ** draw.integers(-12, 20, 2000)).tolist()
    numbers += [float(np.float32(x)) for x in numbers[:500]] + [0.0, -0.0, 1e-5, 1.25e-5, 1e-4, 1e16, float("nan"), 7.0]
    words = ["", "a", "甲 ", 'a"b', "a,b", "a\nb"]
    frame = pl.DataFrame({"x": numbers, "word": (words * 500)[: len(numbers)], "n": range(len(numbers))})
    assert render_rows(frame.to_dicts(), ".csv") == frame.write_csv().encode()


@pytest.mark.slow
def test_without_torch_the_forecast_is_the_same(forecaster, tmp_path, capsys, monkeypatch):
    data = str(forecaster.with_suffix(".csv"))
    tables = []
    for arguments in ([], ["--runtime"]):
        assert main(["predict", str(forecaster), data, *arguments]) == 0
        tables.append(pl.read_csv(capsys.readouterr().out.encode()))
    torchs, ours = tables
    assert ours.columns == torchs.columns
    assert_frame_equal(ours, torchs, rel_tol=1e-4, abs_tol=1e-4)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["predict", str(forecaster), data, "--out", str(tmp_path / "f.json")]) == 0
    assert json.loads((tmp_path / "f.json").read_text(encoding="utf-8")) == ours.to_dicts()
    (tmp_path / "few.csv").write_text("shop,time,y\nb,2015-01-01 00:00,1\n")
    assert main(["predict", str(forecaster), str(tmp_path / "few.csv")]) == 2
    assert "the rows of b are too few to forecast from. Give" in capsys.readouterr().err


@pytest.mark.slow
def test_a_forecaster_streams_series_side_by_side(forecaster, capsys, monkeypatch, tmp_path):
    rows = hourly(60).sort("time", "shop")
    rows.write_csv(tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert main(["stream", str(forecaster), "--quiet", "--no-adapt"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    model = load(forecaster)
    sessions = {shop: model.stream(id=[shop], adapt=False) for shop in ("甲", "b")}
    for row, answer in zip(rows.to_dicts(), found, strict=True):
        session = sessions[row["shop"]]
        expected = model.document(session.push(row))
        assert (answer.pop("id"), answer.pop("step")) == ([row["shop"]], session.steps)
        assert_close(answer, expected)


def assert_close(found, expected):
    """The same data, numbers up to what a batch of two rounds otherwise."""
    assert found.keys() == expected.keys()
    for name in found.keys() - {"mean", "quantiles", "drift"}:
        assert found[name] == expected[name]
    np.testing.assert_allclose(np.array(found["mean"]), np.array(expected["mean"]), rtol=1e-5)


def test_json_lines_are_read_without_torch_and_what_lacks_is_said(fitted, models, monkeypatch):
    monkeypatch.setattr("recurra.cli._predict_forecast._is_for_torch", lambda bundle: True)
    for name, rows in (("rows.jsonl", '[1, 2, 3]\n{"left": [1, 2], "right": 3}\n'), ("rows", '{"left": [1, 2]}\n')):
        (fitted.folder / name).write_text(rows)
    assert fitted("predict", str(models / "numbers"), "rows.jsonl").code == 0
    assert fitted("predict", str(models / "numbers"), "rows").err.startswith("rows, line 1: ")
    assert fitted.calls == []
    (fitted.folder / "rows.csv").write_text("left.0,left.1,note\n1,2,3\n")
    outcome = fitted("predict", str(models / "numbers"), "rows.csv", "--runtime")
    assert outcome.err.splitlines()[0] == "The header has no right, so no row does."
