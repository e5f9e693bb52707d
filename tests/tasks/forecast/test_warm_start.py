from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
from sklearn.linear_model import Ridge

from data.windows_case import make_panel
from recurra.tasks.forecast._model import gather
from recurra.tasks.forecast._warm_start import fit_linear, start_from_linear
from tasks.forecast.networks import HORIZON, Case

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)


def normal_windows(case: Case, origins: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows and horizons in a window's own units, and the unit in spreads of the series."""
    batch = gather(case.windows, torch.from_numpy(origins), torch.zeros(len(origins), dtype=torch.int64), case.chosen)
    level, spread = (case.model.network.compute(("level", "spread"), batch)[name] for name in ("level", "spread"))
    x = (batch["target"] - level) / spread * batch["observed"]
    y = (batch["truth"] - level) / spread
    return x[..., 0].double().numpy(), y[..., 0].double().numpy(), (spread / batch["scale"])[:, 0].double().numpy()


@pytest.mark.parametrize("normalisation", ["series", "last", "last-scaled", "revin"])
def test_the_start_is_scikit_learns_ridge(normalisation) -> None:
    case = Case(panel=make_panel(0, [120, 60]), normalisation=normalisation)
    origins, held_out = np.r_[8:90, 128:150], np.r_[95:110, 155:170]
    fit = fit_linear(case.model, case.windows, origins, held_out)
    x, y, _ = normal_windows(case, origins)
    vx, vy, unit = normal_windows(case, held_out)
    ridges = [Ridge(alpha=strength * x.var(axis=0).mean() * len(x)).fit(x, y) for strength in STRENGTHS]
    errors = [np.mean(np.abs(ridge.predict(vx) - vy) * unit) for ridge in ridges]
    best = ridges[int(np.argmin(errors))]
    assert fit.error == pytest.approx(min(errors), rel=1e-6)
    np.testing.assert_allclose(fit.weight, best.coef_, atol=1e-6)
    np.testing.assert_allclose(fit.bias, best.intercept_, atol=1e-6)


@pytest.mark.parametrize("loss", ["quantile", "mse", "mae"])
@pytest.mark.parametrize("segment", [1, 2])
def test_the_untrained_network_says_what_the_regression_says(loss, segment) -> None:
    case = Case(panel=make_panel(0, [120, 60]), loss=loss, segment=segment, normalisation="last-scaled")
    origins = np.r_[8:90, 128:150]
    fit = fit_linear(case.model, case.windows, origins, origins[:0])
    start_from_linear(case.model, fit)
    x, y, _ = normal_windows(case, origins)
    raw = case.model.forecast(case.windows, origins)
    expected = x @ fit.weight.numpy().T + fit.bias.numpy()
    level = case.panel.target[origins - 1]
    np.testing.assert_allclose((raw.mean[..., 0] - level) / raw.spread, expected, atol=1e-4)
    median = raw.quantiles[:, :, 0, 3]
    np.testing.assert_allclose(median, raw.mean[..., 0], atol=1e-4)
    assert expected.shape == y.shape == (len(origins), HORIZON)
    if loss == "quantile":  # as wide as what the regression misses, step by step
        wide = (raw.quantiles[:, :, 0, -1] - median) / raw.spread
        missed = np.sqrt(np.mean((y - expected) ** 2, axis=0))
        expected_width = missed * scipy.stats.norm.ppf(case.chosen.levels[-1])
        np.testing.assert_allclose(wide, np.tile(expected_width, (len(wide), 1)), rtol=1e-3)


def test_missing_truths_pull_towards_no_map() -> None:
    panel = make_panel(0, [200])
    case = Case(panel=panel, normalisation="series")
    origins = np.arange(8, 150)
    whole = fit_linear(case.model, case.windows, origins, origins)
    panel.target[:] = np.where(np.arange(200)[:, None] % 2, panel.target, np.nan)
    half = fit_linear(Case(panel=panel, normalisation="series").model, Case(panel=panel).windows, origins, origins)
    assert torch.isfinite(half.weight).all()
    assert half.weight.abs().sum() < whole.weight.abs().sum()


def test_a_flat_series_gives_no_slope() -> None:
    panel = make_panel(0, [60])
    panel.target[:] = 4.0
    case = Case(panel=panel)
    fit = fit_linear(case.model, case.windows, np.arange(8, 50), np.arange(40, 50))
    assert fit.error == pytest.approx(0)
    assert fit.weight.abs().max() == 0
