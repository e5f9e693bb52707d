from __future__ import annotations

import numpy as np
import pytest

from recurra.data import Panel
from recurra.tasks.forecast._season import autocorrelation, find_season
from tasks.forecast.panels import panel_of, season_and_noise


def found(panel: Panel, training: int | None = None) -> tuple[int, str]:
    return find_season(panel, np.arange(panel.num_rows) < (training or panel.num_rows))


@pytest.mark.parametrize("period", [4, 7, 12, 24, 37, 100])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_sine_with_noise_has_its_period(period, seed) -> None:
    season, reason = found(panel_of(season_and_noise(12 * period, period, noise=0.5, seed=seed), every=None))
    assert season == period
    assert f"at {period} steps" in reason


@pytest.mark.parametrize("seed", range(10))
def test_white_noise_has_none(seed) -> None:
    noise = np.random.default_rng(seed).normal(size=400)
    assert found(panel_of(noise, every=None)) == (1, "no peak of the autocorrelation stands out")


@pytest.mark.parametrize(
    "values", [np.arange(300.0), np.arange(300.0) ** 2, np.full(300, 4.0), np.exp(np.arange(60) / 9)]
)
def test_a_trend_has_none(values) -> None:
    assert found(panel_of(values, every=None))[0] == 1


def test_a_trend_does_not_hide_a_season() -> None:
    assert found(panel_of(season_and_noise(240, 12) + 0.5 * np.arange(240), every=None))[0] == 12


@pytest.mark.parametrize(
    ("every", "season"), [("1h", 24), ("1d", 7), ("1mo", 12), ("1q", 4), ("15m", 96), ("1w", 52), ("1y", 1)]
)
def test_without_a_peak_the_usual_season_of_the_frequency(every, season, seed) -> None:
    noise = np.random.default_rng(seed).normal(size=60)
    assert found(panel_of(noise, every=every))[0] == season


def test_of_two_seasons_the_stronger() -> None:
    day, week = season_and_noise(24 * 40, 24), 4 * season_and_noise(24 * 40, 168, seed=1)
    assert found(panel_of(day + week / 40))[0] == 24
    assert found(panel_of(day + week))[0] == 168


def test_most_series_must_have_it() -> None:
    noise = [np.random.default_rng(seed).normal(size=200) for seed in range(3)]
    sine = season_and_noise(200, 12)
    assert found(panel_of(sine, sine, noise[0], every=None))[0] == 12
    assert found(panel_of(sine, *noise, every=None))[0] == 1


def test_only_training_rows_are_looked_at(seed) -> None:
    noise = np.random.default_rng(seed).normal(size=200)
    values = np.concatenate([noise, season_and_noise(400, 12)])
    assert found(panel_of(values, every=None), training=200)[0] == 1
    assert found(panel_of(values, every=None))[0] == 12


def test_gaps_do_not_matter(seed) -> None:
    values = season_and_noise(300, 12)
    values[np.random.default_rng(seed).random(300) < 0.3] = np.nan
    assert found(panel_of(values, every=None))[0] == 12


def test_autocorrelation_by_the_definition() -> None:
    values = season_and_noise(60, 12) + np.arange(60.0)
    rest = values - np.polyval(np.polyfit(np.arange(60), values, 1), np.arange(60))
    expected = [np.mean(rest[: 60 - lag] * rest[lag:]) / np.mean(rest**2) for lag in range(21)]
    told = autocorrelation(values)
    assert told is not None
    np.testing.assert_allclose(told, expected, atol=1e-12)


def test_too_little_to_tell() -> None:
    values = np.full(100, np.nan)
    values[:11] = np.arange(11) % 3
    assert autocorrelation(values) is None
    assert autocorrelation(np.full(100, 3.0)) is None


@pytest.mark.parametrize("seed", range(5))
def test_a_peak_beside_a_season_of_the_calendar_is_that_season(seed) -> None:
    assert found(panel_of(season_and_noise(5 * 365, 365, noise=2.0, seed=seed), every="1d"))[0] == 365
    assert found(panel_of(season_and_noise(132 * 8, 132, seed=seed), every="1mo"))[0] in range(130, 135)


def test_of_many_series_the_longest_are_looked_at() -> None:
    short, long = np.random.default_rng(0).normal(size=50), season_and_noise(60, 12)
    assert found(panel_of(*[short] * 60, *[long] * 40, every=None))[0] == 12
    assert found(panel_of(*[short] * 60, *[long] * 10, every=None))[0] == 1
