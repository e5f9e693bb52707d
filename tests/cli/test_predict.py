from __future__ import annotations

import datetime
import errno
import json
import os

import polars as pl
import pytest

from recurra.cli._predict import render

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
