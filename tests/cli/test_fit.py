from __future__ import annotations

import json
import os
import sys

import pytest

import recurra
from recurra.bundle import open_bundle
from recurra.errors import RecurraError


def test_fit_says_what_was_found_chosen_and_reached(shell, monkeypatch):
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable))
    outcome = shell.fit("--horizon", "24", "--target", "units")
    assert (outcome.code, outcome.err) == (0, "")
    assert shell.called("new") == {"horizon": 24, "target": ("units",)}
    assert shell.called("fit") == {
        "data": "data.csv",
        "checkpoint": shell.folder / "model.checkpoint",
        "resume": False,
        "progress": "auto",
    }
    lines = [" ".join(line.split()) for line in outcome.out.splitlines()]
    for line in (
        "Rows are 1 h apart.",
        "option value reason",
        "context 48 two seasons",
        "model persistence drift",
        "mae 1.25 2.5",
        "rmse 2 1.5 4",
        "Worth having: a fake always is.",
        "Model model",
        "Report model/report.html",
        "Next: recurra predict model data.csv --out forecast.csv",
    ):
        assert line in lines
    open_bundle(shell.folder / "model")
    assert sorted(os.listdir(shell.folder)) == ["data.csv", "model"]


def test_without_out_the_model_is_called_after_the_data(shell):
    assert shell("fit", "forecast", "data.csv", "--target", "units").code == 0
    assert sorted(os.listdir(shell.folder)) == ["data-model", "data.csv"]


def test_what_was_chosen_is_said_before_training(shell, monkeypatch):
    monkeypatch.setattr(recurra.Forecaster, "stop", RecurraError("no"))
    assert "two seasons" in shell.fit().out


def test_quiet_leaves_results_only(shell):
    outcome = shell.fit("--quiet")
    assert shell.called("fit")["progress"] == "none"
    assert "Rows are" not in outcome.out
    assert "two seasons" not in outcome.out
    assert "Next:" not in outcome.out
    assert "Worth having" in outcome.out
    assert "model/report.html" in outcome.out


def test_json_is_one_object_and_nothing_else(shell):
    outcome = shell.fit("--json")
    assert len(outcome.out.splitlines()) == 1
    document = json.loads(outcome.out)
    assert document["bundle"] == "model"
    assert document["report"] == "model/report.html"
    assert document["scores"]["metrics"] == {"mae": 1.25, "rmse": 2.0, "coverage_80": 0.81}
    assert document["scores"]["baselines"]["drift"] == {"mae": None, "rmse": 4.0}
    assert document["choices"] == [{"name": "context", "value": 48, "reason": "two seasons"}]
    assert document["notes"] == ["Rows are 1 h apart."]


def test_an_output_that_exists_is_refused_before_any_work(shell):
    shell.fit()
    outcome = shell.fit()
    assert (outcome.code, shell.calls) == (2, [])
    assert (
        outcome.err
        == "model exists already. Choose another place, or pass --overwrite (overwrite=True) to replace it.\n"
    )
    assert shell.fit("--overwrite").code == 0


@pytest.mark.parametrize("arguments", [[], ["--overwrite"]])
def test_somebodys_folder_is_never_replaced(shell, arguments):
    (shell.folder / "model").mkdir()
    (shell.folder / "model" / "thesis.txt").write_text("mine")
    assert (shell.fit(*arguments).code, shell.calls) == (2, [])
    assert (shell.folder / "model" / "thesis.txt").read_text() == "mine"


def test_an_output_that_cannot_be_written_is_refused_before_any_work(shell, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    outcome = shell.fit()
    assert (outcome.code, shell.calls) == (2, [])
    assert "no permission to write" in outcome.err


def test_plots_do_not_go_into_the_bundle(shell):
    outcome = shell.fit("--png", "model/plots")
    assert (outcome.code, shell.calls) == (2, [])
    assert "--png model/plots lies inside --out model" in outcome.err


def test_plots_are_made_when_asked_for(shell, monkeypatch):
    asked = []
    monkeypatch.setattr(
        recurra.Forecaster, "plot", lambda self, folder: asked.append(folder) or [folder / "a.png"], raising=False
    )
    outcome = shell.fit("--png", "plots")
    assert [str(folder) for folder in asked] == ["plots"]
    assert "plots/a.png" in outcome.out


def test_a_checkpoint_stays_until_a_run_succeeds(shell, monkeypatch):
    monkeypatch.setattr(recurra.Forecaster, "stop", RecurraError("no"))
    assert shell.fit().code == 2
    assert (shell.folder / "model.checkpoint").exists()
    monkeypatch.setattr(recurra.Forecaster, "stop", None)
    again = shell.fit()
    assert (again.code, (shell.folder / "model").exists()) == (2, False)
    assert "keeps a stopped run. Pass --resume" in again.err
    assert shell.fit("--resume").code == 0
    assert shell.called("fit")["resume"] is True
    assert not (shell.folder / "model.checkpoint").exists()


def test_a_failed_save_keeps_the_checkpoint(shell, monkeypatch):
    def full(self, path, overwrite):
        raise RecurraError("model couldn't be saved: No space left on device.")

    monkeypatch.setattr(recurra.Forecaster, "save", full)
    outcome = shell.fit()
    assert (outcome.code, outcome.err) == (2, "model couldn't be saved: No space left on device.\n")
    assert (shell.folder / "model.checkpoint").exists()


def test_nothing_is_ever_asked(shell, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert shell.fit().code == 0
    assert shell.fit().code == 2
