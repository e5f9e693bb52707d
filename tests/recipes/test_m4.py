from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.tsa.seasonal import seasonal_decompose
from statsmodels.tsa.stattools import acf

from recipes.untrained import Naive
from recurra.errors import DataError
from recurra.recipes import RECIPES
from recurra.recipes import _m4 as m4
from recurra.tasks.forecast import Forecaster


def season(rows: int, period: int, *, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return 10 + 3 * np.sin(2 * np.pi * np.arange(rows) / period) + noise * draw.normal(size=rows)


@pytest.mark.data
@pytest.mark.slow
def test_the_published_floors(data_dir, monkeypatch) -> None:
    monkeypatch.setattr(m4, "Forecaster", Naive)
    result = RECIPES["m4-hourly"].run(data_dir, seed=0, progress="none")
    figures = {figure.name: figure for figure in result.figures}
    for name, published in {
        "Naive2 sMAPE": 18.383,
        "Naive2 MASE": 2.395,
        "seasonal-naive sMAPE": 13.912,
        "seasonal-naive MASE": 1.193,
    }.items():
        assert figures[name].ours == pytest.approx(published, abs=5e-4), name
        assert figures[name].published == published
    # As seasonal-naive the forecaster has that one's figures, on the same windows.
    assert figures["sMAPE"].ours == pytest.approx(13.912, abs=5e-4)
    assert figures["MASE"].ours == pytest.approx(1.193, abs=5e-4)
    assert figures["OWA"].ours == pytest.approx((13.912 / 18.383 + 1.193 / 2.395) / 2, abs=1e-3)


def test_indices_by_hand() -> None:
    # Season 2: the trend is a quarter, a half and a quarter of three neighbours, here 2 everywhere.
    values = np.tile([1.0, 3.0], 10)
    np.testing.assert_allclose(m4.seasonal_indices(values, 2), [0.5, 1.5])
    np.testing.assert_allclose(m4.forecast_naive2(values, 3, 2), [1, 3, 1])
    # Growth by a tenth of the season: (4 + 2 * 1 + 4.4) / 4 and so on.
    values = np.array([4.0, 1.0, 4.4, 1.1, 4.84, 1.21])
    trend = [(4 + 2 + 4.4) / 4, (1 + 8.8 + 1.1) / 4, (4.4 + 2.2 + 4.84) / 4, (1.1 + 9.68 + 1.21) / 4]
    odd, even = (1 / trend[0] + 1.1 / trend[2]) / 2, (4.4 / trend[1] + 4.84 / trend[3]) / 2
    mean = (odd + even) / 2
    np.testing.assert_allclose(m4.seasonal_indices(values, 2), [even / mean, odd / mean])


def test_indices_are_statsmodels() -> None:
    values = season(24 * 15 + 7, 24, noise=0.5) * (1 + np.arange(24 * 15 + 7) / 200)
    theirs = seasonal_decompose(values, model="multiplicative", period=24).seasonal[:24]
    np.testing.assert_allclose(m4.seasonal_indices(values, 24), theirs / theirs.mean(), rtol=1e-9)


@pytest.mark.parametrize("rows", [35, 36, 37])
def test_three_seasons_are_needed_to_tell(rows) -> None:
    values = np.where(np.arange(rows) % 12 == 0, 100.0, 1.0)
    assert m4.is_seasonal(values, 12) == (rows >= 36)


def test_the_test_is_bartletts() -> None:
    verdicts = []
    for seed in range(200):  # about as many pass as fail, some by a hair
        values = season(240, 24, noise=5, seed=seed)
        correlation = np.asarray(acf(values, nlags=24, fft=False), dtype=np.float64)
        limit = 1.645 * math.sqrt((1 + 2 * np.sum(correlation[1:24] ** 2)) / 240)
        verdicts.append(abs(correlation[24]) > limit)
        assert m4.is_seasonal(values, 24) == verdicts[-1]
    assert 20 < sum(verdicts) < 180


def test_white_noise_is_forecast_by_its_last_value(seed) -> None:
    values = np.random.default_rng(seed).normal(100, 1, 200)
    assert not m4.is_seasonal(values, 24)
    np.testing.assert_array_equal(m4.forecast_naive2(values, 5, 24), np.repeat(values[-1], 5))


@pytest.mark.parametrize("rows", [240, 245, 263])
def test_a_pure_season_goes_on(rows) -> None:
    values = season(rows + 48, 24)
    np.testing.assert_allclose(m4.forecast_naive2(values[:rows], 48, 24), values[rows:], rtol=0.01)


def test_ragged_rows_are_read_in_their_order(tmp_path) -> None:
    folder = tmp_path / "forecast" / "m4"
    folder.mkdir(parents=True)
    (folder / "Hourly-train.csv").write_text('"V1","V2","V3","V4"\n"H1","605","586",""\n"H2","3","2","1"\n')
    assert [values.tolist() for values in m4.read(tmp_path, "train")] == [[605, 586], [3, 2, 1]]


def test_a_folder_without_the_file(tmp_path) -> None:
    with pytest.raises(DataError, match=r"holds no forecast/m4/Hourly-train\.csv\. .*--data"):
        RECIPES["m4-hourly"].run(tmp_path, seed=0, progress="none")


def test_the_settings_are_options_of_the_forecaster() -> None:
    config = Forecaster(target="y", horizon=m4.HORIZON, **m4.SETTINGS).checked_config()
    assert config.context % config.segment == 0
