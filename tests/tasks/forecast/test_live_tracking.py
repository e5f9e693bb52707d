from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from recurra.tasks.forecast._live import LiveForecaster
from recurra.tasks.forecast._live_tracking import RATE, Tracker, follow
from tasks.forecast.live_cases import SMALL, load_live, save
from tasks.forecast.panels import season_and_noise, tiny

LEVELS = (0.1, 0.5, 0.9)


def tracker(horizon: int, targets: int = 1) -> Tracker:
    followed = follow(horizon, LEVELS, targets)
    return Tracker(followed, np.zeros((horizon, targets, 4), dtype=np.float32), adapt=True)


@pytest.fixture(scope="module")
def calm(tmp_path_factory) -> LiveForecaster:
    """Fitted on a season with little noise."""
    folder = tmp_path_factory.mktemp("live") / "calm"
    table = pl.DataFrame({"y": season_and_noise(400, noise=0.3)})
    options = {**SMALL, "epochs": 10, "steps_per_epoch": 10, "time": "none", "linear_skip": True}
    save(tiny(**options).fit(table, progress="none"), folder)
    return load_live(folder)


def coverage(live: LiveForecaster, *, adapt: bool, lead: int) -> tuple[float, float | None]:
    """How much of what came the 80 % interval held, well after the noise had grown fourfold; and the drift then."""
    session = live.stream(adapt=adapt)
    for value in season_and_noise(60, noise=0.3):
        session.observe(value)
    stormy = season_and_noise(600, noise=1.2, seed=1)
    answers = [session.push(value) for value in stormy]
    low, high = live.chosen.levels.index(0.1), live.chosen.levels.index(0.9)
    held = [
        answers[row - lead].quantiles[lead - 1, 0, low]
        <= stormy[row]
        <= answers[row - lead].quantiles[lead - 1, 0, high]
        for row in range(200, len(stormy))
    ]
    return float(np.mean(held)), answers[-1].drift


@pytest.mark.parametrize("lead", [1, 5])
def test_intervals_follow_the_noise(calm: LiveForecaster, lead: int) -> None:
    adapted, drift = coverage(calm, adapt=True, lead=lead)
    assert 0.75 <= adapted <= 0.85
    assert drift is not None and drift > 2


def test_the_median_stays_where_the_network_has_it(calm: LiveForecaster) -> None:
    # All truths lie above what is expected, so that every quantile below the median would come to lie above it.
    sessions = [calm.stream(adapt=adapt) for adapt in (True, False)]
    place = calm.chosen.levels.index(0.5)
    values = season_and_noise(300, noise=0.3) + np.arange(300) ** 1.5
    said = [[session.push(value) for session in sessions] for value in values][-200:]
    for adapted, fixed in said:
        assert np.array_equal(adapted.quantiles[..., place], fixed.quantiles[..., place])
        assert (np.diff(adapted.quantiles, axis=-1) >= 0).all()
    adapted, fixed = said[-1]
    lowest = adapted.quantiles[..., 0]
    assert (lowest == fixed.quantiles[..., place]).any() and (lowest > fixed.quantiles[..., 0]).any()


def test_intervals_stay_as_they_are_when_asked(calm: LiveForecaster) -> None:
    fixed, drift = coverage(calm, adapt=False, lead=1)
    assert fixed < 0.5
    assert drift is not None and drift > 2


def test_drift_is_near_one_where_nothing_changed(calm: LiveForecaster) -> None:
    session = calm.stream()
    said = [session.push(value).drift for value in season_and_noise(300, noise=0.3, seed=3)]
    assert said[:30] == [None] * 30
    assert said[-1] is not None and 0.5 < said[-1] < 1.6


@pytest.mark.parametrize("horizon", [1, 7, 32, 33, 100, 720])
def test_each_truth_meets_the_forecasts_of_its_row(horizon: int) -> None:
    held = tracker(horizon)
    followed = held.followed
    assert followed.leads[0] == 1 and len(followed.leads) <= 32 and followed.size <= 32 * 33
    assert followed.leads[followed.nearest[0]] == 1 and len(followed.nearest) == horizon
    for row in range(2 * horizon + 5):
        index, active = held._slots(row)
        leads = followed.leads if active is None else followed.leads[active]
        made_after = held.waiting[index, 1]
        assert np.array_equal(made_after[row >= leads], (row - leads)[row >= leads].astype(np.float32))
        assert np.isnan(made_after[row < leads]).all()
        held.remember(row, np.full((horizon, 1, 4), row, dtype=np.float32), [1.0])


def test_a_quantile_moves_by_its_level() -> None:
    held = tracker(1)
    for row, truth in enumerate([5.0, 5.0, -5.0]):
        held.judge(row, (truth,), (1.0,))
        held.remember(row, np.zeros((1, 1, 4), dtype=np.float32), [2.0])
    # Errors were 5 / 2 both times; first the truth lay above all quantiles, then below.
    above, below = RATE * 2.5 * np.array(LEVELS), RATE * 2.5 * (np.array(LEVELS) - 1)
    moved = held.correction()[0, 0]
    assert np.allclose(moved[[1, 3]], (above + below)[[0, 2]], atol=1e-6)
    assert moved[0] == moved[2] == 0  # neither the mean nor the median


def test_what_is_missing_moves_nothing() -> None:
    held = tracker(3, targets=2)
    for row in range(6):
        held.judge(row, (np.nan, 1.0), (1.0, 1.0))
        held.remember(row, np.zeros((3, 2, 4), dtype=np.float32), [1.0, 1.0])
    assert (held.correction()[:, 0] == 0).all() and (held.correction()[:, 1, [1, 3]] > 0).all()


def test_forecasts_left_out_are_not_judged() -> None:
    held = tracker(3)
    for row in range(6):
        held.judge(row, (0.0,), (1.0,))
        if row == 3:
            held.forget(row)
        else:
            held.remember(row, np.zeros((3, 1, 4), dtype=np.float32), [1.0])
    before = held.correction().copy()
    held.judge(6, (9.0,), (1.0,))
    moved = (held.correction() != before)[:, 0, 1:].any(axis=1)
    assert moved.tolist() == [True, True, False]  # three steps ahead, row 6 was to be seen from row 3


def test_steps_that_are_not_followed_move_with_the_nearest() -> None:
    held = tracker(200)
    held.moved[-1] += 1
    moved = held.correction()[:, 0, 1]
    assert moved[-1] == 1 and moved[0] == 0 and 0 < (moved == 1).sum() < 100
