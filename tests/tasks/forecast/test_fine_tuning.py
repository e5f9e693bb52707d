from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from recurra.errors import DataError
from recurra.tasks.forecast import Forecaster
from recurra.tasks.forecast._model import Model
from tasks.forecast.panels import season_and_noise, tiny


def table(rows: int = 200) -> pl.DataFrame:
    days = pl.date_range(pl.date(2020, 1, 1), pl.date(2030, 1, 1), eager=True).head(rows)
    return pl.DataFrame({"day": days, "y": season_and_noise(rows, 7)})


@pytest.fixture
def fitted() -> Forecaster:
    return tiny(horizon=3, context=14, epochs=1).fit(table(), progress="none")


def weights(model: Forecaster) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.fitted_.model.network.state_dict().items()}


def test_zeros_are_kept_and_the_rest_learns(fitted) -> None:
    head = fitted.fitted_.model.network.chains["encoder"][1][0].weight
    with torch.no_grad():
        head[:, ::2] = 0
    before = weights(fitted)
    assert fitted.fine_tune(table(), keep_zeros=True, progress="none") is fitted
    after = weights(fitted)
    assert (head[:, ::2] == 0).all()
    assert not torch.equal(head[:, 1::2], before["chains.encoder.1.0.weight"][:, 1::2])
    assert not any(parameter._backward_hooks for parameter in fitted.fitted_.model.network.parameters())
    fitted.fine_tune(table(), progress="none")
    assert (head[:, ::2] != 0).any()
    assert after.keys() == before.keys()


def test_it_is_kept_only_where_it_validates_better(fitted, monkeypatch) -> None:
    before = weights(fitted)
    losses = iter([1.0, *[3.0] * 20])
    monkeypatch.setattr(Model, "validation_loss", lambda *_: next(losses))
    fitted.fine_tune(table(), progress="none")
    after = weights(fitted)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_it_sees_no_row_of_the_test_part(fitted) -> None:
    spoilt = table().with_columns(pl.when(pl.int_range(pl.len()) >= 160).then(1e6).otherwise(pl.col("y")).alias("y"))
    one = fitted.fine_tune(spoilt, progress="none")
    plain = tiny(horizon=3, context=14, epochs=1).fit(table(), progress="none").fine_tune(table(), progress="none")
    a, b = weights(one), weights(plain)
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_intervals_are_calibrated_anew(fitted) -> None:
    before = fitted.fitted_.calibration
    fitted.fine_tune(table(), progress="none")
    assert fitted.fitted_.calibration is not before
    assert np.isfinite(fitted.predict(table())["q0.9"].to_numpy()).all()


def test_scores_are_those_of_the_tuned_model(fitted, tmp_path) -> None:
    before = fitted.scores_
    fitted.fine_tune(table(), progress="none").save(tmp_path / "tuned")
    tuned = Forecaster.load(tmp_path / "tuned")
    assert tuned.scores_ == fitted.scores_ == fitted.evaluate() != before
    assert tuned.scores_.metrics == pytest.approx(tuned.evaluate(table()).metrics)
    assert tuned.scores_.history["loss"] != before.history["loss"]


def test_rows_that_leave_nothing_to_measure_on_are_refused_before_training(fitted) -> None:
    before = weights(fitted)
    with pytest.raises(DataError, match="Bring newer rows"):
        fitted.fine_tune(table(150), progress="none")
    after = weights(fitted)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_rows_that_are_all_newer_are_refused(fitted) -> None:
    newer = table(400).tail(150)
    with pytest.raises(DataError, match="Give the table that it was fitted on"):
        fitted.fine_tune(newer, progress="none")
