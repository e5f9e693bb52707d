from __future__ import annotations

import json
import shutil

import polars as pl
import pytest

import recurra
from recurra.bundle import open_bundle
from recurra.cli import main
from recurra.cli._compress import _change
from tasks.forecast.panels import season_and_noise, tiny


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A folder with a table and a forecaster that was fitted on it."""
    folder = tmp_path_factory.mktemp("shop")
    pl.DataFrame({"y": season_and_noise(160, 7)}).write_csv(folder / "sales.csv")
    tiny(horizon=3, context=14).fit(folder / "sales.csv", progress="none").save(folder / "model")
    return folder


@pytest.fixture
def shop(fitted, tmp_path, monkeypatch):
    shutil.copytree(fitted, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_size_time_and_score_before_and_after(shop, capsys) -> None:
    assert main(["compress", "model", "sales.csv", "--int8", "--out", "small"]) == 0
    out = capsys.readouterr().out
    lines = {line.split("  ")[0].strip(): line for line in out.splitlines()}
    assert {"weights, bytes", "zeros", "window, µs", "mae", "mase", "wql"} <= lines.keys()
    assert out.endswith("Model   small\n")
    assert recurra.load("small").evaluate("sales.csv").metrics["mae"] is not None


def test_a_change_is_said_to_be_good_or_bad() -> None:
    assert _change(100.0, 101.0, larger=False) == "+1.00%, worse"
    assert _change(100.0, 99.0, larger=False) == "-1.00%, better"
    assert _change(0.5, 0.49, larger=True) == "-2.00%, worse"
    assert _change(0.5, 0.5 - 1e-6, larger=False) == ""
    assert [_change(0.5, 0.5, larger=True), _change(0.0, 0.0, larger=True), _change(0.0, 0.2, larger=True)] == [
        "",
        "",
        "+0.2",
    ]


def test_pruned_weights_stay_zero_through_tuning(shop, capsys) -> None:
    command = ["compress", "model", "sales.csv", "--prune", "0.5", "--out", "small", "--accept-loss", "--json"]
    assert main([*command, "--quiet"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert 0.49 <= document["after"]["zeros"] < 0.55
    assert document["before"]["metrics"].keys() == document["after"]["metrics"].keys()
    small = open_bundle("small")
    assert small.manifest.compression == {"weights": "float32", "pruned": 0.5, "tuned": True}
    # The report is on another network; scores are measured again.
    assert small.files.keys() == open_bundle("model").files.keys() - {"report.html"}
    tuned = {name: value for name, value in document["after"]["metrics"].items() if value is not None}
    assert small.document("scores.json")["metrics"] == pytest.approx(tuned)


def test_without_data_the_score_is_said_not_to_be_measured(shop, capsys) -> None:
    assert main(["compress", "model", "--int8", "--out", "small"]) == 0
    assert "The score was not measured: no DATA was given." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nothing", "--int8", "--out", "small"], "nothing: no such bundle"),
        (["model", "--out", "small"], "Pass --int8, --prune 0.5, or both."),
        (["model", "--int8"], "--out"),
        (["model", "--int8", "--out", "model"], "model exists already"),
        (["model", "--int8", "--prune", "2", "--out", "small"], "Give a share between 0 and 1"),
        (["model", "no.csv", "--int8", "--out", "small"], "no.csv"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(shop, capsys, arguments, complaint) -> None:
    before = sorted(shop.iterdir())
    assert main(["compress", *arguments]) == 2
    said = capsys.readouterr()
    assert complaint in said.err and said.err.count("\n") == 1
    assert sorted(shop.iterdir()) == before
