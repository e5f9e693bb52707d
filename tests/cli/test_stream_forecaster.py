"""`recurra stream` on a forecaster, which knows time and options."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from cli.conftest import Outcome
from recurra.cli import main
from recurra.runtime import load
from tasks.forecast.live_cases import LiveCase, fit, single

pytestmark = pytest.mark.slow


class Pipe:
    """`recurra stream` on tables."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._monkeypatch, self._capsys = folder, monkeypatch, capsys

    def __call__(self, model: Path, rows: pl.DataFrame, *arguments: str) -> Outcome:
        rows.write_csv(self.folder / "rows.csv")
        with (self.folder / "rows.csv").open() as file:
            self._monkeypatch.setattr("sys.stdin", file)
            code = main(["stream", str(model), *arguments])
        captured = self._capsys.readouterr()
        return Outcome(code, captured.out, captured.err)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "hours"
    fit(LiveCase("", single, {}), folder)
    return folder


@pytest.fixture
def pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Pipe:
    monkeypatch.chdir(tmp_path)
    return Pipe(tmp_path, monkeypatch, capsys)


def test_rows_that_the_state_has_seen_are_passed_over(model: Path, pipe: Pipe):
    rows = single()
    whole = pipe(model, rows).out.splitlines()
    first = pipe(model, rows.head(60), "--state", "s")
    again = pipe(model, rows, "--state", "s", "--strict")
    assert (again.code, first.out.splitlines() + again.out.splitlines()) == (0, whole)
    assert again.err.splitlines() == [
        "60 lines are no newer than what the state has seen; passed over",
        "161 lines, 1 sequence, 0 bad lines",
    ]
    # With nothing new there is nothing to say, which is no mistake.
    assert (pipe(model, rows, "--state", "s").code, pipe(model, rows, "--state", "s", "--quiet").err) == (0, "")
    # What goes back within a run is one, also after what was seen before.
    assert pipe(model, rows.head(60), "--state", "other").code == 0
    outcome = pipe(model, pl.concat([rows.slice(55, 9), rows.slice(58, 5)]), "--state", "other")
    assert outcome.err.splitlines()[-2:] == [
        "5 lines are no newer than what the state has seen; passed over",
        "15 lines, 1 sequence, 5 bad lines",
    ]
    outcome = pipe(model, pl.concat([rows.slice(60, 4), rows.slice(61, 2)]))
    assert outcome.err.splitlines()[-1] == "7 lines, 1 sequence, 2 bad lines"
    outcome = pipe(model, pl.concat([rows.slice(60, 4), rows.slice(61, 2)]), "--strict")
    assert outcome.code == 2


def test_a_state_kept_with_another_option_is_refused(model: Path, pipe: Pipe):
    assert pipe(model, single().head(60), "--no-adapt", "--state", "s").code == 0
    for flag, kept in (("--adapt", "--no-adapt"), ("--learn", "--no-learn"), ("--seed 9", "--seed 0")):
        outcome = pipe(model, single(), "--state", "s", *flag.split())
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err.startswith(f"s was kept with {kept}, but {flag} was given.")
    for flags in ((), ("--no-adapt",), ("--no-learn", "--seed", "0")):
        assert pipe(model, single(), "--state", "s", *flags).code == 0


def test_history_adapts_intervals_and_drift(model: Path, pipe: Pipe):
    rows = single()
    rows.head(100).write_csv("old.csv")
    found = [json.loads(line) for line in pipe(model, rows.tail(60), "--history", "old.csv").out.splitlines()]
    session = load(model).stream()
    for row in rows.head(100).iter_rows(named=True):
        session.push({**row, "time": str(row["time"])})
    answer = session.push({**rows.row(100, named=True), "time": str(rows["time"][100])})
    assert answer.drift is not None
    assert found[0] == {"step": 101, **json.loads(json.dumps(session.model.document(answer)))}
