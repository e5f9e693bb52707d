from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recurra.bench
import recurra.cli
from recurra.bench import Case, StreamReport, run_streams, stream_document, stream_table
from recurra.bench import _streams as streams
from recurra.bench import _streams_timing as timing
from recurra.bench._bar import Line
from recurra.bench._streams import Seen
from recurra.bench._streams_made import fit_hourly, fit_sunspots
from recurra.errors import MissingExtraError
from recurra.runtime import Network, PlainSession, load
from recurra.tasks.forecast._live import LiveForecaster

SMALL = Case("gru", 6, 1, 5, 4, "step")


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "ROUNDS", 5)
    monkeypatch.setattr(timing, "SESSIONS", 7)
    monkeypatch.setattr(timing, "PROCESSES", 1)


def test_pushes_are_timed(tmp_path: Path):
    assert 0 < timing.push_seconds(SMALL, tmp_path) < 0.01
    assert 0 < timing.together_seconds(SMALL, tmp_path) < 0.01


def test_numbers_that_are_not_those_of_the_whole_have_no_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run = Network.run

    def lie(self: Network, inputs: Any, **rest: Any) -> dict[str, np.ndarray]:
        found = run(self, inputs, **rest)
        found["out"].flat[-1] += 0.01
        return found

    monkeypatch.setattr(Network, "run", lie)
    with pytest.raises(timing.WrongNumbers, match=r"pushed one by one, the numbers are off by 1.0e-02"):
        timing.push_seconds(SMALL, tmp_path)
    with pytest.raises(timing.WrongNumbers, match=r"pushed together, the numbers are off by 1.0e-02"):
        timing.together_seconds(SMALL, tmp_path)


def test_a_forecast_that_is_not_torchs_has_no_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    model, x = streams.layer_model(SMALL, tmp_path)
    monkeypatch.setattr(
        type(model), "document", lambda self, answer: {"mean": answer[:, None], "quantiles": {"0.5": answer[:, None]}}
    )
    monkeypatch.setattr(type(model), "stream", lambda self, adapt=True: PlainSession(model, model.network.begin(), 0))
    rows: Any = [*x[:, 0]]
    session = model.stream()
    answers = [session.push(row) for row in rows]
    right = streams.Fitted(model.bundle.path, rows, np.stack([answers[-1]] * 2, axis=1))
    assert 0 < timing.forecast_seconds(right) < 0.01
    wrong = streams.Fitted(model.bundle.path, rows, right.forecast + np.array([0.01, 0]))
    with pytest.raises(timing.WrongNumbers, match="row by row, the forecast is off torch's"):
        timing.forecast_seconds(wrong)


def test_a_state_is_its_numbers_and_a_seal(tmp_path: Path):
    assert timing.state_bytes(SMALL, tmp_path) == timing.state_bytes(Case("lstm", 6, 1, 5, 9, "step"), tmp_path) < 256


def test_processes_say_how_long_they_took(tmp_path: Path):
    model, _ = streams.layer_model(SMALL, tmp_path)
    assert 0 < timing.loading_seconds(model.bundle.path) < 5
    assert 0 < timing.importing_seconds() < 5


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything takes a microsecond, but the forecaster can't be fitted, and the LSTM's numbers are wrong."""

    def push(case: Case, folder: Path) -> float:
        if case.cell == "lstm":
            raise timing.WrongNumbers("they are off")
        return 2e-6

    def no_torch(folder: Path) -> Any:
        raise MissingExtraError("To fit a forecaster needs torch.")

    monkeypatch.setattr(streams, "push_seconds", push)
    monkeypatch.setattr(streams, "together_seconds", lambda case, folder: 1e-6)
    monkeypatch.setattr(streams, "fit_hourly", no_torch)
    monkeypatch.setattr(streams, "loading_seconds", lambda path: 0.01)
    monkeypatch.setattr(streams, "importing_seconds", lambda: 0.5)
    monkeypatch.setattr(streams, "_beside", lambda case: {"torch": 40.0})


def test_each_line_says_what_was_seen_and_whether_that_is_wanted(measured: None):
    told = []
    report = run_streams(announce=lambda done, total, what: told.append((done, total, what)))
    assert [what for _, _, what in told] == [seen.line.name for seen in report.lines]
    assert told[-1][:2] == (7, 8)
    rows = {row[0]: row[1:] for row in stream_table(report).rows}
    assert rows["GRU step, H 128"] == ("2", "<= 3 us", "yes", "torch 40")
    assert rows["LSTM step, H 128"] == ("FAILED", "<= 4 us", "-", "they are off")
    missing = ("-", "<= 25 us", "-", "To fit a forecaster needs torch.")
    assert rows["forecaster's push, made-up hours, 48 back"] == missing
    assert rows["1000 sessions of a GRU, H 64, together"] == ("1", ">= 1.5 M steps/s", "NO", "")
    assert rows["import"] == ("0.5", "<= 0.25 s", "NO", "")
    assert report.failures == {"LSTM step, H 128": "they are off"}
    assert json.loads(json.dumps(stream_document(report)))["lines"][0] == {
        "name": "GRU step, H 128",
        "unit": "us",
        "seen": pytest.approx(2.0),
        "wanted": 3,
        "at_least": False,
        "met": True,
        "beside": {"torch": 40.0},
        "reason": None,
    }


def test_the_command_prints_the_table_and_refuses_what_is_wrong(measured: None, capsys: pytest.CaptureFixture[str]):
    assert recurra.cli.main(["bench", "--stream"]) == 2
    captured = capsys.readouterr()
    assert "they are off" in captured.out
    assert captured.err.startswith("1/8 GRU step, H 128\n")
    assert captured.err.splitlines()[-1].startswith("1 of the results were wrong or missing, such as LSTM step")


def test_a_busy_machine_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    lines = (Seen(Line("import", 0.1, 0.25, at_least=False), "s"),)
    for busy, said in ((1.9, True), (0.1, False)):
        report = StreamReport({"processor": "Abacus", "cores": 2}, busy, lines)
        monkeypatch.setattr(recurra.bench, "run_streams", lambda report=report, **_: report, raising=False)
        assert recurra.cli.main(["bench", "--stream"]) == 0
        assert ("kept the machine busy" in capsys.readouterr().out) == said
        assert recurra.cli.main(["bench", "--stream", "--json", "--quiet"]) == 0
        assert json.loads(capsys.readouterr().out)["load"] == busy


@pytest.mark.slow
def test_everything_is_measured_beside_others(tmp_path: Path):
    report = run_streams()
    assert report.failures == {}
    assert all(seen.line.value is not None and seen.line.value > 0 for seen in report.lines)
    assert report.lines[0].beside.keys() == {"layer.stream()", "torch", "torch cell", "onnxruntime"}
    assert report.lines[2].beside.keys() == {"without its time", "sunspots, 258 months back"}
    for fit, context in ((fit_hourly, 48), (fit_sunspots, 258)):
        live = load(fit(tmp_path).path)
        assert isinstance(live, LiveForecaster) and live.chosen.context == context
