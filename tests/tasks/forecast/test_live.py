from __future__ import annotations

import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from recurra.tasks.forecast import Forecaster
from recurra.tasks.forecast._live import LiveForecaster
from tasks.forecast.live_cases import CASES, LiveCase, fit, forecast_all, predict, rows_of

Fitted = tuple[LiveCase, LiveForecaster, Forecaster]


@pytest.fixture(scope="module", params=CASES, ids=str)
def fitted(request, tmp_path_factory) -> Fitted:
    return request.param, *fit(request.param, tmp_path_factory.mktemp("live") / "model")


def test_pushed_rows_equal_the_file(fitted: Fitted) -> None:
    case, live, model = fitted
    table = (case.pushed or case.table)()
    expected = predict(model, table)
    found = forecast_all(live, table)
    assert found.columns == expected.columns
    labels = ["series", "target", "time"]
    assert found.select(labels).equals(expected.select(labels))
    numbers = [name for name in expected.columns if name not in labels]
    for target in expected["target"].unique():
        mine, theirs = (frame.filter(pl.col("target") == target).select(numbers) for frame in (found, expected))
        scale = float(np.abs(theirs.to_numpy()).max())
        assert np.allclose(mine.to_numpy(), theirs.to_numpy(), rtol=0, atol=2e-6 * scale)


PASSED = ("order of rows", "missing", "with a ridge regression", "uneven", "two targets, joint", "month ends")


@pytest.mark.parametrize("case", [case for case in CASES if case.name in PASSED], ids=str)
def test_rows_without_a_target_pass_like_missing_ones(case: LiveCase, tmp_path) -> None:
    live, model = fit(case, tmp_path / "model")
    passed = pl.int_range(pl.len()) >= pl.len() - 12
    targets = live.frame.preparation.table.target
    table = case.table().with_columns(
        pl.when(passed).then(None).otherwise(pl.col(name)).alias(name) for name in targets
    )
    session = live.stream(adapt=False)
    answers = [session.push(row) for row in rows_of(table, live)[()]]
    # Torch's forecast at this origin: later rows with targets make what came before missing.
    later = table.head(live.chosen.horizon)
    if "time" in table.columns:
        later = later.with_columns(time=pl.Series(answers[-1].moments).cast(table["time"].dtype))
    panel = model._read(pl.concat([table, later]))
    origin = panel.num_rows - len(later)
    assert np.isnan(panel.target[origin - 10 : origin]).all()
    mean, quantiles = model.fitted_.forecast(panel, np.array([origin]))
    scale = float(np.abs(quantiles).max())
    assert np.allclose(answers[-1].quantiles, quantiles[0], rtol=0, atol=2e-6 * scale)
    assert np.allclose(answers[-1].mean, mean[0], rtol=0, atol=2e-6 * scale)
    assert not np.allclose(answers[-13].quantiles, answers[-1].quantiles, rtol=0, atol=1e-4 * scale)


@pytest.mark.parametrize("plan", [False, True])
def test_forks_go_on_alike_between_gaps_and_plans(fitted: Fitted, plan: bool) -> None:
    case, live, _ = fitted
    draw = np.random.default_rng(0)
    targets = live.frame.preparation.table.target
    name, rows = next(iter(rows_of(case.table(), live).items()))
    session = live.stream(id=name, plan=plan)
    for row, chance in zip(rows[:80], draw.random(80), strict=True):
        if chance < 0.1:
            continue
        row = {**row, **(dict.fromkeys(targets) if chance < 0.4 else {})}
        forked, restored = session.fork(), live.restore(session.state())
        said = session.push(row)
        for again in (forked.push(row), restored.push(row)):
            assert np.array_equal(said.quantiles, again.quantiles)
            assert said.times == again.times and said.needs == again.needs


def test_state_goes_on_alike(fitted: Fitted) -> None:
    case, live, _ = fitted
    table = (case.pushed or case.table)()
    name, rows = next(iter(rows_of(table, live).items()))
    half = len(rows) // 2
    session = live.stream(id=name)
    for row in rows[:half]:
        session.push(row)
    state = session.state()
    other, forked = live.restore(state), session.fork()
    assert other.state() == state == forked.state()
    for row in rows[half:]:
        said = session.push(row)
        again = other.push(row)
        assert np.array_equal(said.quantiles, again.quantiles) and np.array_equal(said.mean, again.mean)
        assert said.drift == again.drift and said.times == again.times
    assert other.state() == session.state() != forked.state() == state
    session.reset()
    assert session.state() == live.stream(id=name).state()


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; import recurra.tasks.forecast._live\n"
        "print([name for name in ('torch', 'polars', 'pandas', 'sklearn', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
