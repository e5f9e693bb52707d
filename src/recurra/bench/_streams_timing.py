"""The times of `recurra bench --stream`. Each is of numbers that were compared first: wrong ones have no speed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

from recurra.bench._case import Case
from recurra.bench._streams_made import Fitted, layer_model
from recurra.bench._timing import time_calls
from recurra.errors import RecurraError
from recurra.runtime import load

ROUNDS = 100
PROCESSES = 5
SESSIONS = 1000
# Of the spread of what torch forecasts: both compute in float32, in another order.
FORECAST_LIMIT = 1e-3
_LOADING = """
import sys, time
from recurra import runtime
load = runtime.load
began = time.perf_counter()
load(sys.argv[1])
print(time.perf_counter() - began)
"""
_IMPORTING = """
import time
began = time.perf_counter()
from recurra import runtime
runtime.load
print(time.perf_counter() - began)
"""


class WrongNumbers(RecurraError):
    """A stream that doesn't say what the whole sequence says, and so has no speed."""


def push_seconds(case: Case, folder: Path) -> float:
    """One push to one session, the median over rounds of as many as the case has steps."""
    model, x = layer_model(case, folder)
    session = model.stream()
    steps = list(x[:, 0])

    def run() -> list[np.ndarray]:
        session.reset()
        return [session.push(step) for step in steps]

    seconds, given = time_calls(run, ROUNDS)
    whole = model.network.run({"x": x[None, :, 0]})["out"][0]
    _compare(np.stack(given), whole, "pushed one by one")
    return median(seconds) / len(steps)


def together_seconds(case: Case, folder: Path) -> float:
    """One step of one of a thousand sessions that step together; of the case's steps all are compared."""
    model, _ = layer_model(case, folder)
    x = np.random.default_rng(1).standard_normal((case.time, SESSIONS, case.input_size), dtype=np.float32)
    sessions = [model.stream() for _ in range(SESSIONS)]
    stepped = np.stack([np.stack(model.push_many(sessions, step)) for step in x], axis=1)
    whole = model.network.run({"x": np.ascontiguousarray(x.swapaxes(0, 1))})["out"]
    _compare(stepped, whole, "pushed together")
    seconds, _ = time_calls(lambda: model.push_many(sessions, x[0]), ROUNDS)
    return median(seconds) / SESSIONS


def forecast_seconds(fitted: Fitted, alone: str = "") -> float:
    """One push of a row to new quantiles of all steps ahead, the median over the last rows of the series.

    Rows are pushed as a file has them, as texts, or only the number that the column `alone` holds.
    """
    model = load(fitted.path)
    # Compared without adapting, which torch doesn't do; timed as streams are, with it.
    session, compared = model.stream(), model.stream(adapt=False)
    for row in fitted.rows[:-ROUNDS]:
        session.observe(row)
    for row in fitted.rows[:-1]:
        compared.observe(row)
    document = model.document(compared.push(fitted.rows[-1]))
    found = np.array([document["mean"], *document["quantiles"].values()])[..., 0].T
    spread = float(np.ptp(fitted.forecast))
    off = float(np.abs(found - fitted.forecast).max()) / spread
    if not off <= FORECAST_LIMIT:
        raise WrongNumbers(f"row by row, the forecast is off torch's by {off:.1e} of its spread")
    seconds = []
    for row in [float(row[alone]) if alone else row for row in fitted.rows[-ROUNDS:]]:
        began = time.perf_counter()
        session.push(row)
        seconds.append(time.perf_counter() - began)
    return median(seconds)


def state_bytes(case: Case, folder: Path) -> int:
    """What the saved state of a session holds beside its numbers."""
    model, _ = layer_model(case, folder)
    return len(model.stream().state()) - 4 * model.network.state_size


def loading_seconds(path: Path) -> float:
    """A process' first load of a bundle, everything but the bundle being imported: the median over processes."""
    return median(_said(_LOADING, path) for _ in range(PROCESSES))


def importing_seconds() -> float:
    """The import of the runtime, the least of a few processes."""
    return min(_said(_IMPORTING) for _ in range(PROCESSES))


def _said(code: str, *arguments: Path) -> float:
    # Modules are compiled once, as pip does for an installed package, not in each of these processes.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", code, *arguments]
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def _compare(found: np.ndarray, whole: np.ndarray, how: str) -> None:
    if not np.array_equal(found, whole):
        raise WrongNumbers(f"{how}, the numbers are off by {np.abs(found - whole).max():.1e}")
