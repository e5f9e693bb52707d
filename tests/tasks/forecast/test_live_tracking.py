from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from recurra.runtime._native import Followed, Tracker
from recurra.tasks.forecast._composition import CLIP
from recurra.tasks.forecast._live import LiveForecaster
from recurra.tasks.forecast._live_tracking import RATE, follow, followed_steps
from tasks.forecast.live_cases import SMALL, load_live, save
from tasks.forecast.panels import season_and_noise, tiny

LEVELS = (0.1, 0.5, 0.9)


def follows(horizon: int, targets: int = 1, floor: float = -np.inf) -> Followed:
    base = np.random.default_rng(9).normal(0, 0.2, (horizon, targets, 4)).cumsum(-1).astype(np.float32)
    return follow(base, LEVELS, [floor] * targets, [0.5] * targets)


def tracker(horizon: int, targets: int = 1) -> Tracker:
    base = np.zeros((horizon, targets, 4), dtype=np.float32)
    return Tracker(follow(base, LEVELS, [-np.inf] * targets, []), True)


def say(held: Tracker, row: int, value: float, horizon: int, targets: int = 1) -> np.ndarray:
    """All numbers of a forecast after a row are one, in spreads of 1 that were moved by nothing."""
    return held.finish(row, np.full((horizon, targets, 4), value, np.float32), np.ones(targets, np.float32))


def correction(held: Tracker, horizon: int, targets: int = 1) -> np.ndarray:
    """How far each number is moved: what is made of nothing but 0."""
    return held.calibrate(np.zeros((horizon, targets, 4), np.float32), np.ones(targets, np.float32))


class Naive:
    """The same, number by number: every forecast is kept by the row that it was made after."""

    def __init__(self, base: np.ndarray, floor: float) -> None:
        self.horizon, self.targets, _ = base.shape
        self.leads, self.strides = (each.tolist() for each in followed_steps(self.horizon))
        self.base, self.floor, self.move = base, floor, {lead: base[lead - 1].copy() for lead in self.leads}
        self.made: dict[int, np.ndarray] = {}
        self.said, self.spread = np.zeros(self.targets), np.zeros(self.targets)
        self.last, self.seen, self.usual, self.scaled = -2, *(np.zeros(self.targets) for _ in range(3))

    def judge(self, row: int, truth: tuple[float, ...], scales: list[float]) -> None:
        for c in range(self.targets if row == self.last + 1 else 0):
            off = abs(truth[c] - self.said[c])
            if np.isfinite(off):
                self.seen[c] += 1
                share = max(0.03, 1 / self.seen[c])
                self.usual[c] += share * (min(off / self.spread[c], CLIP) - self.usual[c])
                self.scaled[c] += share * (min(off / scales[c], CLIP) - self.scaled[c])
        for lead, stride in zip(self.leads, self.strides, strict=True):
            if row % stride or row - lead not in self.made:
                continue
            for c in range(self.targets):
                for n, level in ((1, 0.1), (3, 0.9)):  # the median and the mean stay
                    if truth[c] == truth[c]:
                        above = self.made[row - lead][lead - 1, c, n] < np.float32(truth[c])
                        pace = np.float32(RATE * (level if above else level - 1))
                        self.move[lead][c, n] += pace * np.float32(self.usual[c])

    def finish(self, row: int, raw: np.ndarray, spread: np.ndarray) -> np.ndarray:
        out = np.empty_like(raw)
        for step in range(self.horizon):
            near = min(self.leads, key=lambda lead: (abs(np.log(lead) - np.log(step + 1)), lead))
            moved = self.base[step] + (self.move[near] - self.base[near - 1]) if near != step + 1 else self.move[near]
            out[step] = moved * spread[:, None] + raw[step]
        self.made[row], self.last = out.copy(), row
        middle = out[..., 2:3].copy()
        out[..., 1:].sort(axis=-1)
        out[..., 1] = np.minimum(out[..., 1], middle[..., 0])
        out[..., 3] = np.maximum(out[..., 3], middle[..., 0])
        out[..., 2] = middle[..., 0]
        out[..., 0] = out[..., 0].clip(out[..., 1], out[..., 3])
        out = np.maximum(out, np.float32(self.floor))
        self.said, self.spread = out[0, :, 2].astype(float), spread.astype(float)
        return out


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
def test_what_is_followed(horizon: int) -> None:
    leads, strides = followed_steps(horizon)
    assert leads[0] == 1 and len(leads) <= 32 and (np.diff(leads) > 0).all() and leads[-1] <= horizon
    assert (leads % strides == 0).all() and (leads // strides).sum() <= 32 * 33
    assert len(tracker(horizon).waiting) == (leads // strides).sum()


@pytest.mark.parametrize(("horizon", "targets"), [(1, 1), (3, 2), (12, 1), (33, 1), (100, 2)])
def test_forecasts_are_held_against_the_truth_as_if_each_was_kept(horizon: int, targets: int) -> None:
    rng = np.random.default_rng(horizon)
    held, floor = Tracker(follows(horizon, targets, floor=-1.5), True), -1.5
    base = np.random.default_rng(9).normal(0, 0.2, (horizon, targets, 4)).cumsum(-1).astype(np.float32)
    naive = Naive(base, floor)
    scales = rng.uniform(0.5, 2, targets).tolist()
    for row in range(2 * horizon + 60):
        truth = tuple(np.where(rng.random(targets) < 0.1, np.nan, rng.normal(0, 2, targets)).tolist())
        held.judge(row, truth, scales)
        naive.judge(row, truth, scales)
        if rng.random() < 0.1:
            held.forget(row)
            continue
        raw = rng.normal(0, 1, (horizon, targets, 4)).astype(np.float32)  # whose quantiles cross
        spread = rng.uniform(0.5, 2, targets).astype(np.float32)
        assert np.allclose(held.finish(row, raw, spread), naive.finish(row, raw, spread), rtol=0, atol=2e-6)
    assert np.allclose(held.numbers[:3], [naive.seen, naive.usual, naive.scaled], rtol=1e-9)
    drift = held.drift()
    assert (drift is None) == (naive.seen.min() < 20)
    assert drift is None or np.isclose(drift, np.mean(naive.scaled / 0.5))


def test_raw_forecasts_come_in_any_order_of_axes() -> None:
    raw = np.random.default_rng(0).normal(size=(5, 2, 4)).astype(np.float32)
    spread = np.ones(2, np.float32)
    held = Tracker(follows(5, 2), True)
    wanted = held.calibrate(raw, spread)
    assert np.array_equal(
        held.calibrate(np.ascontiguousarray(raw.transpose(1, 0, 2)).transpose(1, 0, 2), spread), wanted
    )
    point = np.broadcast_to(raw[..., :1], raw.shape)
    assert np.array_equal(held.calibrate(point, spread), held.calibrate(point.copy(), spread))
    odds: tuple[Any, ...] = (raw[:4], raw.astype(np.float64), raw[..., 0])
    for odd in odds:
        with pytest.raises(ValueError, match=r"\(steps ahead, targets, 1 \+ quantiles\)"):
            held.calibrate(odd, spread)


def test_what_does_not_adapt_stays() -> None:
    held = Tracker(follows(4), False)
    before = correction(held, 4)
    for row in range(9):
        held.judge(row, (5.0,), [1.0])
        say(held, row, 0.0, 4)
        held.forget(row)
    assert np.array_equal(correction(held, 4), before) and held.numbers[0, 0] == 8 and not held.moved.size


def test_a_quantile_moves_by_its_level() -> None:
    held = tracker(1)
    for row, truth in enumerate([5.0, 5.0, -5.0]):
        held.judge(row, (truth,), [1.0])
        held.finish(row, np.zeros((1, 1, 4), np.float32), np.full(1, 2, np.float32))
    # Errors were 5 / 2 both times; first the truth lay above all quantiles, then below.
    above, below = RATE * 2.5 * np.array(LEVELS), RATE * 2.5 * (np.array(LEVELS) - 1)
    moved = held.moved[0]
    assert np.allclose(moved[[1, 3]], (above + below)[[0, 2]], atol=1e-6)
    assert moved[0] == moved[2] == 0  # neither the mean nor the median


@pytest.mark.parametrize("targets", [1, 2])
def test_what_is_missing_moves_nothing(targets: int) -> None:
    held = tracker(3, targets)
    for row in range(9):
        held.judge(row, (np.nan, 1.0)[:targets], [1.0] * targets)
        say(held, row, 0.0, 3, targets)
    moved = held.moved.reshape(3, targets, 4)
    assert (moved[:, 0] == 0).all() and (moved[:, 1:, [1, 3]] > 0).all()


def test_forecasts_left_out_are_not_judged() -> None:
    held = tracker(3)
    for row in range(6):
        held.judge(row, (0.0,), [1.0])
        if row == 3:
            held.forget(row)
        else:
            say(held, row, 0.0, 3)
    held.numbers[1] = 1
    before = held.moved.copy()
    held.judge(6, (9.0,), [1.0])
    moved = (held.moved != before)[:, 1:].any(axis=1)
    assert moved.tolist() == [True, True, False]  # three steps ahead, row 6 was to be seen from row 3


def test_steps_that_are_not_followed_move_with_the_nearest() -> None:
    held = tracker(200)
    held.moved[-1] += 1
    moved = correction(held, 200)[:, 0, 1]
    assert moved[-1] == 1 and moved[0] == 0 and 0 < (moved == 1).sum() < 100


def test_numbers_beyond_all_bounds_pass() -> None:
    held = tracker(2)
    huge = np.array([[[1e38, -3e38, 0, 3e38]], [[np.nan, np.inf, 1, -np.inf]]], dtype=np.float32)
    out = held.finish(0, huge, np.full(1, 3e38, np.float32))
    held.judge(1, (3e38,), [1.0])
    assert np.isfinite(held.moved).all() and (np.diff(out[:, 0, 1:]) >= 0).all()
    assert np.isnan(out[1, 0, 0]) and not np.isnan(out[1, 0, 1:]).any()


def test_what_does_not_fit_is_refused() -> None:
    held = tracker(3)
    for row, truth, scales in ((-1, (0.0,), [1.0]), (0, (), [1.0]), (0, (0.0,), [])):
        with pytest.raises(ValueError, match="for each target"):
            held.judge(row, truth, scales)
    with pytest.raises(ValueError, match="counted from 0"):
        held.forget(-1)
    with pytest.raises(ValueError, match="A spread holds 2 numbers"):
        held.calibrate(np.zeros((3, 1, 4), np.float32), np.ones(2, np.float32))
