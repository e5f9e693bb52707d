from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pytest

import recurra
from recurra.bundle import open_bundle, write_bundle
from recurra.cli import main
from recurra.errors import DataError

NUMBERS = {
    "metrics": {"mae": 1.25, "rmse": 2.0, "coverage_80": 0.81},
    "baselines": {"persistence": {"mae": 2.5, "rmse": 1.5}, "drift": {"mae": None, "rmse": 4.0}},
}
SCORES = SimpleNamespace(
    **NUMBERS,
    larger_is_better=(),
    verdict=SimpleNamespace(sentence="Worth having: a fake always is."),
    warning=None,
    model_dump=lambda mode: NUMBERS | {"task": "forecast", "windows": 1200},
)


class FakeForecaster:
    """Stands for the forecaster: the command line's own behaviour is tested without training anything."""

    calls: ClassVar[list[tuple[str, Any]]] = []
    stop: ClassVar[BaseException | None] = None

    def __init__(self, **options: Any) -> None:
        self.calls.append(("new", options))
        self.notes_ = ("Rows are 1 h apart.",)
        self.choices_ = (("context", 48, "two seasons"),)
        self.scores_ = SCORES

    def fit(
        self, data: str, *, checkpoint: Path | None, resume: bool, progress: str, announce: Callable[..., None] | None
    ) -> FakeForecaster:
        self.calls.append(("fit", {"data": data, "checkpoint": checkpoint, "resume": resume, "progress": progress}))
        if not Path(data).exists():
            raise DataError(f"{data}: no such file.")
        if announce is not None:
            announce(self.notes_, self.choices_)
        if checkpoint is not None:
            checkpoint.write_bytes(b"")
        if self.stop is not None:
            raise self.stop
        return self

    def save(self, path: Path, *, overwrite: bool) -> None:
        write_bundle(
            path,
            task="forecast",
            config={},
            network={},
            inputs={},
            data_digest="",
            weights={"w": np.ones(1)},
            documents={"report.html": "<p>"},
            overwrite=overwrite,
        )

    def evaluate(self, data: str) -> Any:
        self.calls.append(("evaluate", data))
        return SCORES

    def predict(self, data: str, *, seed: int | None) -> pl.DataFrame:
        self.calls.append(("predict", (data, seed)))
        times = [datetime.datetime(2026, 1, 1, hour) for hour in range(2)]
        return pl.DataFrame({"series": ["甲", "甲"], "time": times, "mean": [1.5, float("nan")], "0.9": [2.0, 3.0]})


@dataclass
class Outcome:
    code: int
    out: str
    err: str


@dataclass
class Shell:
    """Runs `recurra ...` in an empty folder with the fake forecaster."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    calls: list[tuple[str, Any]] = field(default_factory=list)

    def __call__(self, *arguments: str) -> Outcome:
        self.calls.clear()
        code = main(arguments)
        captured = self.capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    def called(self, name: str) -> Any:
        return dict(self.calls)[name]

    def fit(self, *arguments: str) -> Outcome:
        return self("fit", "forecast", "data.csv", "--out", "model", *arguments)


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RECURRA_DATA_DIR", raising=False)
    monkeypatch.setattr(FakeForecaster, "calls", [])
    monkeypatch.setattr(FakeForecaster, "stop", None)
    # Set as items, since to look the real ones up would import them.
    monkeypatch.setitem(vars(recurra), "Forecaster", FakeForecaster)
    monkeypatch.setitem(vars(recurra), "load", lambda path: (open_bundle(path), FakeForecaster())[1])
    (tmp_path / "data.csv").write_text("date,units\n")
    return Shell(tmp_path, capsys, FakeForecaster.calls)
