from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, ParameterGrid, TimeSeriesSplit

import recurra
from recurra.errors import ConfigError, DataError
from recurra.tasks.forecast import Forecaster
from tasks.forecast.conftest import OPTIONS, hourly
from tasks.forecast.panels import season_and_noise, tiny

BOTH = pytest.mark.parametrize("decoder", ["direct", "recursive"])
LEVELS = ["q0.025", "q0.1", "q0.25", "q0.5", "q0.75", "q0.9", "q0.975"]

pytestmark = pytest.mark.filterwarnings("ignore:.*known ahead when the model was fitted")


def weights(model: Forecaster) -> dict[str, torch.Tensor]:
    return model.fitted_.model.network.state_dict()


def assert_same_weights(one: Forecaster, two: Forecaster) -> None:
    a, b = weights(one), weights(two)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def fresh(model: Forecaster) -> Forecaster:
    """scikit-learn's copy of a model that is not fitted yet."""
    copy = clone(model)
    assert isinstance(copy, Forecaster)
    return copy


# --- options


def test_options_are_kept_as_given() -> None:
    model = Forecaster(target="y", horizon=3)
    assert model.get_params()["horizon"] == 3
    assert model.set_params(cell="lstm", horizon=4) is model
    assert (model.get_params()["cell"], model.get_params()["horizon"]) == ("lstm", 4)


def test_clone_takes_options_and_leaves_what_was_learned(direct) -> None:
    copy = fresh(direct)
    assert copy.get_params() == direct.get_params()
    assert not hasattr(copy, "fitted_")
    with pytest.raises(ConfigError, match="not fitted yet"):
        copy.predict()


def test_an_unknown_option_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"no option 'horizn'\. Did you mean 'horizon'\?"):
        Forecaster(horizn=3)
    with pytest.raises(ValueError, match="horizn"):
        Forecaster().set_params(horizn=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon": 0}, "horizon is 0"),
        ({"cell": "tanh"}, "cell is 'tanh'.*'rnn', 'lstm' or 'gru'"),
        ({"dropout": 1.5}, "dropout is 1.5"),
        ({"quantiles": "a,b"}, "quantiles is 'a,b'"),
        ({"quantiles": (0.1, 1.2)}, "quantiles"),
        ({"quantiles": (0.0, 0.5)}, "quantiles"),
        ({"quantiles": ()}, "quantiles"),
    ],
)
def test_a_wrong_value_is_named(frame, options, message) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny(**options).fit(frame, progress="none")


def test_grids_and_searches_work(frame) -> None:
    grid = {"cell": ["rnn", "gru"], "normalisation": ["last"]}
    assert len(list(ParameterGrid(grid))) == 2
    model = tiny(horizon=2, context=14, epochs=1)
    search = GridSearchCV(model, grid, cv=TimeSeriesSplit(2, test_size=40), refit=False)
    # scikit-learn hands over each part of the frame; the network is fitted on one and scored on newer rows.
    search.set_params(estimator__validation=0.2)
    search.fit(frame)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert (search.cv_results_["mean_test_score"] < 0).all()


# --- exactness


@BOTH
def test_a_seed_fixes_every_bit(table, decoder, fitted) -> None:
    data = table if decoder == "direct" else table.with_columns(pl.col("y").round())
    again = fresh(fitted[decoder]).fit(data, progress="none")
    assert_same_weights(again, fitted[decoder])
    assert_frame_equal(again.predict(), fitted[decoder].predict(), check_exact=True)
    other = fresh(fitted[decoder]).set_params(seed=1, epochs=1).fit(data, progress="none")
    assert not torch.equal(next(iter(weights(other).values())), next(iter(weights(again).values())))


@BOTH
def test_a_saved_model_forecasts_the_same_bits(tmp_path, table, decoder, fitted) -> None:
    model = fitted[decoder]
    model.save(tmp_path / "model")
    loaded = recurra.load(tmp_path / "model")
    assert_same_weights(loaded, model)
    assert loaded.scores_ == model.scores_
    assert loaded.get_params().keys() == model.get_params().keys()
    assert loaded.fitted_.config == model.fitted_.config
    assert_frame_equal(loaded.predict(table), model.predict(table), check_exact=True)
    assert loaded.evaluate(table).metrics == model.evaluate(table).metrics


def test_a_loaded_model_asks_for_rows(tmp_path, direct) -> None:
    direct.save(tmp_path / "model")
    loaded = recurra.load(tmp_path / "model")
    with pytest.raises(DataError, match=r"Pass the rows to forecast from"):
        loaded.predict()
    with pytest.raises(ConfigError, match=r"report.html"):
        loaded.report_html()
    loaded.save(tmp_path / "again")  # without a report
    assert not (tmp_path / "again" / "report.html").exists()


def test_the_order_of_rows_does_not_matter(table, direct) -> None:
    shuffled = table.sample(fraction=1.0, shuffle=True, seed=3)
    assert_frame_equal(direct.predict(shuffled).sort("series", "time"), direct.predict(table).sort("series", "time"))


# --- forecasts


@BOTH
def test_forecasts_follow_the_last_rows(table, decoder, fitted) -> None:
    said = fitted[decoder].predict()
    assert said.columns == ["series", "target", "time", "mean", *LEVELS]
    assert said["series"].to_list() == sorted(["甲"] * 5 + ["b"] * 5, key=said["series"].to_list().index)
    last = table["time"].max()
    assert isinstance(last, datetime)
    for name in ("甲", "b"):
        assert said.filter(series=name)["time"].to_list() == [last + timedelta(hours=i) for i in range(1, 6)]
    assert said["mean"].min() > 0
    assert np.isfinite(said.select("mean", *LEVELS).to_numpy()).all()


@BOTH
def test_quantiles_never_cross(decoder, fitted) -> None:
    quantiles = fitted[decoder].backtest().quantiles
    assert len(quantiles) > 10
    assert (np.diff(quantiles, axis=-1) >= 0).all()


def test_forecasts_of_what_is_never_negative_are_not(table) -> None:
    low = table.with_columns(y=(pl.col("y") - 11).clip(0))
    said = tiny(**OPTIONS, epochs=1).fit(low, progress="none").predict()
    numbers = said.select("mean", *LEVELS).to_numpy()
    assert (numbers >= 0).all()
    assert (numbers[:, 1] == 0).any()  # the floor is reached
    negative = tiny(**OPTIONS, epochs=1).fit(low.with_columns(pl.col("y") - 0.5), progress="none").predict()
    assert negative["q0.025"].min() < -0.5


@BOTH
def test_a_given_future_is_used(table, decoder, fitted) -> None:
    future = hourly(245).filter(pl.col("time") > table["time"].max()).with_columns(y=None, seen=None)
    with_plan = pl.concat([table, future], how="vertical_relaxed")
    model = fitted[decoder]
    said, without = model.predict(with_plan), model.predict(table)
    assert said["time"].to_list() == without["time"].to_list()
    assert (said["mean"] != without["mean"]).any()
    other = with_plan.with_columns(
        price=pl.when(pl.col("time") > table["time"].max()).then(pl.col("price") + 3).otherwise(pl.col("price"))
    )
    assert (model.predict(other)["mean"] != said["mean"]).any()


@BOTH
def test_later_rows_change_no_earlier_forecast(table, decoder, fitted) -> None:
    half = table["time"].sort()[300]
    until = table.filter(pl.col("time") <= half)
    later = table.with_columns(y=pl.when(pl.col("time") > half).then(None).otherwise(pl.col("y")))
    one = fitted[decoder].predict(until)
    two = fitted[decoder].predict(
        later.with_columns(price=None, plan=pl.lit(None, pl.String)).with_columns(
            **{
                name: pl.when(table["time"] <= half).then(table[name]).otherwise(None)
                for name in ("price", "plan", "seen")
            }
        )
    )
    assert_frame_equal(one, two, check_exact=True)


@BOTH
def test_a_new_series_is_forecast_at_its_own_height(table, decoder, fitted) -> None:
    new = table.filter(shop="b").with_columns(shop=pl.lit("new"), y=(pl.col("y") * 100).round())
    said = fitted[decoder].predict(new)
    assert said["series"].unique().to_list() == ["new"]
    assert said["mean"].min() > 1000
    scores = fitted[decoder].evaluate(new)
    assert scores.metrics["mae"] is not None


def test_sampling_takes_a_seed(recursive) -> None:
    one, two = recursive.predict(seed=1), recursive.predict(seed=2)
    assert_frame_equal(one, recursive.predict(seed=1), check_exact=True)
    assert (one["mean"] != two["mean"]).any()


# --- scores


@BOTH
def test_evaluating_the_same_rows_gives_the_same_scores(table, decoder, fitted) -> None:
    data = table if decoder == "direct" else table.with_columns(pl.col("y").round())
    model = fitted[decoder]
    assert model.evaluate() is model.scores_
    again = model.evaluate(data)
    assert (again.metrics, again.baselines) == (model.scores_.metrics, model.scores_.baselines)


@pytest.mark.parametrize(
    ("test", "without_times"),
    [("0.2", False), ("0.2", True), ("30", False), (30, True), ("2015-01-08", False)],
)
def test_evaluating_again_is_the_same_for_every_kind_of_split(table, test, without_times) -> None:
    data = table.head(400)  # the second series ends earlier
    options = {**OPTIONS, "test": test, "epochs": 1}
    if without_times:
        data, options = data.drop("time"), {**options, "time": "none"}
    model = tiny(**options).fit(data, progress="none")
    assert model.evaluate(data).metrics == model.scores_.metrics


def test_only_newer_rows_are_scored(table, direct) -> None:
    newer = hourly(300)
    forecasts = direct.backtest(newer)
    first = direct.backtest().times
    assert forecasts.times is not None and first is not None
    assert forecasts.times.min() == first.min()
    assert forecasts.num_windows == direct.backtest().num_windows + 120
    with pytest.raises(DataError, match="nothing to measure on"):
        direct.evaluate(table.head(150))


def test_rows_that_one_series_was_fitted_on_are_not_scored_in_another(table) -> None:
    ends_early = table.head(400)  # the second series by 80 hours
    model = tiny(**OPTIONS, test="30", epochs=1).fit(ends_early, progress="none")
    forecasts = model.backtest(hourly(300))
    assert forecasts.times is not None
    # The first series was learnt from up to 30 hours before its end.
    assert forecasts.times.min() == np.datetime64("2015-01-01") + np.timedelta64(240 - 30, "h")


def test_every_score_stands_beside_the_baselines(direct) -> None:
    assert {"mae", "rmse", "mase"} <= direct.scores_.metrics.keys()
    assert {"persistence", "seasonal-naive", "drift"} <= direct.scores_.baselines.keys()
    assert direct.score(None) == -direct.scores_.metrics["mase"]


# --- what people bring


def test_pandas_in_pandas_out(frame) -> None:
    model = tiny(horizon=3, context=14).fit(frame, progress="none")
    said = model.predict()
    assert isinstance(said, pd.DataFrame)
    assert list(said["time"]) == list(pd.date_range("2015-07-20", periods=3))
    assert said.dtypes["mean"] == np.float64
    assert isinstance(model.predict(pl.from_pandas(frame)), pl.DataFrame)


def test_pandas_keeps_the_time_zone(frame) -> None:
    zoned = frame.assign(date=frame["date"].dt.tz_localize("Asia/Shanghai"))
    said = tiny(horizon=3, context=14, epochs=1).fit(zoned, progress="none").predict()
    assert str(said["time"].dt.tz) == "Asia/Shanghai"
    assert list(said["time"]) == list(pd.date_range("2015-07-20", periods=3, tz="Asia/Shanghai"))


@pytest.mark.parametrize("channels", ["independent", "joint"])
@BOTH
def test_several_targets(frame, channels, decoder) -> None:
    model = tiny(target="y,z", horizon=3, context=14, channels=channels, decoder=decoder, samples=20)
    said = model.fit(frame, progress="none").predict()
    assert said["target"].tolist() == ["y", "z"] * 3
    small, large = (said.loc[said["target"] == name, "mean"] for name in ("y", "z"))
    assert small.between(0, 30).all() and large.between(300, 2000).all()
    assert set(model.scores_.metrics) and "<html" in model.report_html()


def test_chinese_columns() -> None:
    data = pl.DataFrame(
        {
            "日期": [f"{datetime(2015, 1, 1) + timedelta(days=i):%Y%m%d}" for i in range(120)],
            "PM2.5": season_and_noise(120, 7),
            "温度": season_and_noise(120, 7, seed=1),
        }
    )
    model = tiny(target="PM2.5", horizon=3, context=14).fit(data, progress="none")
    assert model.predict()["target"].to_list() == ["PM2.5"] * 3
    assert "PM2.5" in model.report_html()


def test_series_of_different_lengths() -> None:
    lengths = {"long": 200, "short": 20, "middle": 60}
    data = pl.concat(
        [
            pl.DataFrame({"id": [name] * rows, "step": range(rows), "y": season_and_noise(rows, 4, seed=rows)})
            for name, rows in lengths.items()
        ]
    )
    model = tiny(series="id", time="step", horizon=3).fit(data, progress="none")
    said = model.predict()
    assert {name: said.filter(series=name)["time"].to_list() for name in lengths} == {
        name: [rows, rows + 1, rows + 2] for name, rows in lengths.items()
    }
    assert "<html" in model.report_html()


@BOTH
def test_twenty_rows_are_enough(decoder) -> None:
    model = tiny(horizon=2, decoder=decoder, samples=10).fit(
        pl.DataFrame({"y": season_and_noise(20, 4)}), progress="none"
    )
    assert model.predict().height == 2
    assert "<html" in model.report_html()


@BOTH
@pytest.mark.parametrize("value", [0.0, 7.0, -1e6])
def test_a_constant_series_stays_constant(decoder, value) -> None:
    data = pl.DataFrame({"y": [value] * 60})
    model = tiny(horizon=3, context=8, decoder=decoder, samples=50).fit(data, progress="none")
    said = model.predict()
    assert said["mean"].is_finite().all()
    assert said["q0.5"].to_list() == pytest.approx([value] * 3, abs=2.0)
    assert "<html" in model.report_html()


def test_counts_are_forecast_as_counts() -> None:
    counts = np.random.default_rng(0).poisson(3 + 2 * np.sin(np.arange(300) / 2))
    model = tiny(decoder="recursive", horizon=4, context=14, samples=100).fit(
        pl.DataFrame({"y": counts}), progress="none"
    )
    assert model.fitted_.chosen.loss == "negative-binomial"
    said = model.predict()
    assert said["q0.025"].min() >= 0
    assert said["mean"].is_between(0.2, 20).all()


def test_targets_with_gaps(table) -> None:
    missing = np.random.default_rng(0).random(table.height) < 0.3
    data = table.with_columns(y=pl.when(pl.Series(missing)).then(None).otherwise(pl.col("y")))
    model = tiny(**OPTIONS).fit(data, progress="none")
    assert model.fitted_.chosen.masks
    assert np.isfinite(model.predict().select("mean", *LEVELS).to_numpy()).all()


@BOTH
def test_reports_and_plots_are_drawn(tmp_path, decoder, fitted) -> None:
    page = fitted[decoder].report_html()
    assert page.lower().startswith("<!doctype html>") and len(page) < 1_000_000
    plots = fitted[decoder].plot(tmp_path)
    assert plots and all(path.stat().st_size > 0 for path in plots)


def test_choices_and_notes_are_told_before_training(table) -> None:
    told: list[Any] = []
    model = tiny(**OPTIONS, epochs=1)
    model.fit(table, progress="none", announce=lambda notes, choices: told.append((notes, choices)))
    assert told == [(model.notes_, model.choices_)]
    assert {"horizon", "context", "season", "epochs", "batch_size"} <= {name for name, _, _ in model.choices_}
    assert all(why for _, _, why in model.choices_)


@BOTH
def test_an_unknown_future_is_said(table, decoder, fitted) -> None:
    with pytest.warns(UserWarning, match="known ahead when the model was fitted, but without values for some rows"):
        fitted[decoder].predict()
