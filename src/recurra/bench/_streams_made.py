"""What `recurra bench --stream` steps: a bundle of one layer with random weights, and forecasters, fitted."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from recurra.bench._case import WEIGHTS, Case, make_problem
from recurra.blocks import Branch, Composition, Recurrent
from recurra.bundle import write_bundle
from recurra.errors import MissingExtraError, RecurraError
from recurra.runtime import PlainModel, load

HOURS = 1500
# A forecaster of a series, and what torch forecasts after its last row.
_FIT = """
import json, sys
import numpy as np, recurra
series, folder, options = sys.argv[1:]
model = recurra.Forecaster(hidden_size=64, epochs=1, **json.loads(options))
model.fit(series, progress="none").save(folder)
table = recurra.load(folder).predict(series)
np.save(folder + ".npy", table.drop("series", "target", "time").to_numpy())
"""


def layer_model(case: Case, folder: Path) -> tuple[PlainModel, np.ndarray]:
    """A bundle of the case's layer and nothing else, loaded; and inputs (T, B, I)."""
    problem = make_problem(case)
    layer = Recurrent(cell=case.cell, hidden_size=case.hidden_size)
    network = Composition(inputs={"x": case.input_size}, branches=(Branch(name="out", takes=("x",), blocks=(layer,)),))
    path = folder / str(case).replace(" ", "-")
    write_bundle(
        path,
        task="layer",
        config={},
        network=network.model_dump(mode="json"),
        inputs={},
        data_digest="",
        weights={f"chains.out.0.{name}_l0": array for name, array in zip(WEIGHTS, problem.weights, strict=True)},
        documents={},
        overwrite=True,
    )
    model = load(path)
    assert isinstance(model, PlainModel)
    return model, problem.x


@dataclass(frozen=True)
class Fitted:
    """A forecaster's bundle, its rows as a table has them, and what torch forecasts after the last of them."""

    path: Path
    rows: list[dict[str, str]]
    forecast: np.ndarray  # (K, 1 + Q): the mean and each quantile


def fit_sunspots(folder: Path) -> Fitted:
    """One that looks 258 months back. MissingExtraError where there is no torch."""
    _check_torch()
    from recurra.data import carried_path

    return _fit(carried_path("sunspots"), folder / "sunspots", target="sunspots", time="month")


def fit_hourly(folder: Path) -> Fitted:
    """One that looks two days back and a day ahead, at made-up hours: a day's cycle and noise."""
    _check_torch()
    noise = np.random.default_rng(1).normal(0, 0.5, HOURS)
    path = folder / "hourly.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("time", "load"))
        for hour in range(HOURS):
            load = 10 + 4 * math.sin(2 * math.pi * hour / 24) + noise[hour]
            table.writerow((datetime(2024, 1, 1) + timedelta(hours=hour), f"{load:.2f}"))
    return _fit(path, folder / "hourly", target="load", time="time", context=48, horizon=24)


def _fit(series: Path, path: Path, **options: str | int) -> Fitted:
    """For a single epoch, in a process of its own."""
    command = [sys.executable, "-c", _FIT, series, path, json.dumps(options)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RecurraError(f"The forecaster couldn't be fitted: {done.stderr.strip().splitlines()[-1]}")
    with series.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return Fitted(path, rows, np.load(f"{path}.npy"))


def _check_torch() -> None:
    if find_spec("torch") is None:
        raise MissingExtraError("To fit a forecaster needs torch. Run: pip install 'recurra[train]'")
