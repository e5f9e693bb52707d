"""What `recurra bench --stream` steps: a bundle of one layer with random weights, and a forecaster, fitted."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from recurra.bench._case import WEIGHTS, Case, make_problem
from recurra.blocks import Branch, Composition, Recurrent
from recurra.bundle import write_bundle
from recurra.errors import MissingExtraError, RecurraError
from recurra.runtime import PlainModel, load

# The forecaster's rows, the last of which is pushed, and what torch forecasts after them.
_FIT = """
import sys
import numpy as np, recurra
series, folder = sys.argv[1:]
model = recurra.Forecaster(target="sunspots", time="month", hidden_size=64, epochs=1)
model.fit(series, progress="none").save(folder + "/forecaster")
table = recurra.load(folder + "/forecaster").predict(series)
np.save(folder + "/forecast.npy", table.drop("series", "target", "time").to_numpy())
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
    """A forecaster of monthly sunspots: its bundle, the rows, and what torch forecasts after the last of them."""

    path: Path
    rows: list[dict[str, str]]
    forecast: np.ndarray  # (K, 1 + Q): the mean and each quantile


def fit_forecaster(folder: Path) -> Fitted:
    """Fit one for a single epoch, in a process of its own. MissingExtraError where there is no torch."""
    if find_spec("torch") is None:
        raise MissingExtraError("To fit a forecaster needs torch. Run: pip install 'recurra[train]'")
    from recurra.data import carried_path

    series = carried_path("sunspots")
    done = subprocess.run([sys.executable, "-c", _FIT, series, folder], capture_output=True, text=True)
    if done.returncode:
        raise RecurraError(f"The forecaster couldn't be fitted: {done.stderr.strip().splitlines()[-1]}")
    head, *lines = series.read_text(encoding="utf-8").split()
    rows = [dict(zip(head.split(","), line.split(","), strict=True)) for line in lines]
    return Fitted(folder / "forecaster", rows, np.load(folder / "forecast.npy"))
