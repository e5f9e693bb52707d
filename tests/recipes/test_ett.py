from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from recipes.untrained import Naive
from recurra.errors import DataError
from recurra.recipes import RECIPES
from recurra.recipes import _ett as ett
from recurra.tasks.forecast import Forecaster


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(("name", "mse", "mae"), [("etth1-96", 0.512, 0.433), ("ettm1-96", 0.423, 0.387)])
def test_the_published_floor_on_every_test_window(data_dir, monkeypatch, name, mse, mae) -> None:
    monkeypatch.setattr(ett, "Forecaster", Naive)
    result = RECIPES[name].run(data_dir, seed=0, progress="none")
    figures = {figure.name: figure for figure in result.figures}
    for floor, published in (("seasonal-naive MSE", mse), ("seasonal-naive MAE", mae)):
        assert figures[floor].ours == pytest.approx(published, abs=5e-4)
        assert figures[floor].published == published
    # The forecaster is scored on the same windows in the same units: as seasonal-naive it reaches the same numbers.
    assert figures["MSE"].ours == pytest.approx(figures["seasonal-naive MSE"].ours, rel=1e-5)
    assert figures["MAE"].ours == pytest.approx(figures["seasonal-naive MAE"].ours, rel=1e-5)


@pytest.mark.parametrize("name", ett.SETTINGS)
def test_the_settings_are_options_of_the_forecaster(name) -> None:
    options = {**ett.SHARED, **ett.SETTINGS[name]}
    config = Forecaster(target="y", horizon=ett.HORIZON, **options).checked_config()
    assert config.context % config.segment == 0 and ett.HORIZON % config.segment == 0


def test_errors_by_hand() -> None:
    forecast, truth = np.array([[1.0, 2.0]], dtype=np.float32), np.array([[2.0, 5.0]])
    assert ett.errors(forecast, truth) == (5, 2)


@pytest.mark.parametrize("packed", [False, True])
def test_the_file_may_be_packed(tmp_path, packed) -> None:
    import gzip

    folder = tmp_path / "forecast" / "ett"
    folder.mkdir(parents=True)
    content = b"date,OT\n2016-07-01,1.5\n"
    (folder / ("ETTh1.csv.gz" if packed else "ETTh1.csv")).write_bytes(gzip.compress(content) if packed else content)
    assert ett.read(tmp_path, "ETTh1").equals(pl.DataFrame({"date": ["2016-07-01"], "OT": [1.5]}))


def test_a_folder_without_the_file(tmp_path) -> None:
    with pytest.raises(DataError, match=r"holds no forecast/ett/ETTh1\.csv.*--data"):
        RECIPES["etth1-96"].run(tmp_path, seed=0, progress="none")
