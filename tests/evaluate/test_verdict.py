from __future__ import annotations

import numpy as np
import pytest

from recurra.evaluate import Forecasts, Verdict, judge

WINDOWS, HORIZON = 200, 4


def setting(
    model: float | list[float],
    rivals: dict[str, float | list[float]],
    *,
    windows: int = WINDOWS,
    mean: float | None = None,
    targets: int = 1,
    noise: float = 0.3,
) -> Verdict:
    """Errors of a known size: each forecast misses by its number, give or take, upwards or downwards."""
    random = np.random.default_rng(9)
    shape = (windows, HORIZON, targets)
    truth = random.normal(size=shape)

    def missing_by(size) -> np.ndarray:
        error = np.asarray(size, dtype=float).reshape(-1, 1) if np.ndim(size) else size
        return truth + error * random.choice([-1, 1], size=shape) * (1 + noise * random.uniform(-1, 1, size=shape))

    median = missing_by(model)
    forecasts = Forecasts(
        truth=truth,
        mean=median if mean is None else missing_by(mean),
        quantiles=median[..., None],
        levels=np.array([0.5]),
        series=np.zeros(windows, dtype=int),
        origin=np.arange(windows) * HORIZON,
        target_labels=tuple(f"target {index}" for index in range(targets)),
    )
    return judge(forecasts, {name: missing_by(size) for name, size in rivals.items()}, np.ones((windows, targets)))


def test_worth_having():
    verdict = setting(0.8, {"persistence": 2.0, "seasonal-naive": 1.0})
    assert verdict.outcome == "better"
    assert verdict.sentence == (
        "Worth having: MAE 19 % and RMSE 19 % below seasonal-naive, the best baseline; "
        "no baseline is better at any step ahead."
    )
    assert verdict.beats == ("persistence", "seasonal-naive")
    assert verdict.loses_to == verdict.ties_with == ()
    assert verdict.chance["persistence"]["mae"] < 0.001


def test_where_it_fails_is_said():
    verdict = setting([0.8, 0.8, 0.8, 1.3], {"persistence": 2.0, "seasonal-naive": 1.0})
    assert verdict.outcome == "better"
    assert verdict.sentence.endswith("; but seasonal-naive is better at step 4.")
    verdict = setting([1.3, 1.3, 0.3, 0.3], {"persistence": 2.0, "seasonal-naive": 1.0})
    assert verdict.sentence.endswith("; but seasonal-naive is better at steps 1-2.")
    verdict = setting([0.6, 1.2, 0.3, 1.2], {"persistence": [1.0, 1, 1, 2], "seasonal-naive": [2.0, 2, 2, 1]})
    assert verdict.sentence.endswith("; but a baseline is better at steps 2 and 4.")


def test_do_not_use():
    verdict = setting(1.2, {"persistence": 2.0, "seasonal-naive": 1.0})
    assert verdict.outcome == "worse"
    assert verdict.sentence == "Do not use this: seasonal-naive is better, MAE by 17 % and RMSE by 17 %."
    assert (verdict.beats, verdict.loses_to) == (("persistence",), ("seasonal-naive",))


def test_as_good():
    verdict = setting(1.0, {"persistence": 1.0}, noise=0.05)
    assert verdict.outcome == "same"
    assert verdict.sentence.startswith("Not worth having: persistence is as good (MAE 0.")
    assert verdict.ties_with == ("persistence",)


def test_a_large_difference_over_few_windows_is_not_proven():
    verdict = setting(0.8, {"persistence": 1.0}, windows=3)
    assert verdict.outcome == "unproven"
    assert verdict.sentence.startswith("Not proven: MAE 9 % below persistence, the best baseline")
    assert verdict.sentence.endswith("but that may be chance over 3 windows (too few to tell).")
    assert verdict.beats == ()


def test_noise_is_not_sold_as_skill():
    verdict = setting(0.97, {"persistence": 1.0}, windows=8, noise=1.0)
    assert verdict.outcome in ("unproven", "same")
    assert verdict.beats == ()


def test_mean_and_median_may_disagree():
    verdict = setting(0.8, {"persistence": 1.0}, mean=1.2)
    assert verdict.outcome == "mixed"
    assert verdict.sentence.startswith("It depends on which errors cost: MAE 19 % below persistence, but RMSE 2")
    assert verdict.ties_with == ("persistence",)
    verdict = setting(0.8, {"persistence": 1.0}, mean=1.0)
    assert verdict.outcome == "better"
    assert verdict.sentence.startswith(
        "Worth having for typical errors: MAE 19 % below persistence, the best baseline; in RMSE"
    )


def test_several_targets_are_measured_in_their_own_units():
    verdict = setting(0.8, {"persistence": 1.0}, targets=2)
    assert "MASE 20 % and RMSSE 20 % below persistence" in verdict.sentence


def test_nothing_known_no_verdict():
    forecasts = Forecasts(
        truth=np.full((2, 1, 1), np.nan),
        mean=np.zeros((2, 1, 1)),
        quantiles=np.zeros((2, 1, 1, 1)),
        levels=np.array([0.5]),
        series=np.zeros(2, dtype=int),
        origin=np.arange(2),
    )
    verdict = judge(forecasts, {"persistence": np.zeros((2, 1, 1))}, np.ones((2, 1)))
    assert verdict.outcome == "unknown"


@pytest.mark.parametrize(("model", "outcome"), [(0.0, "same"), (1.0, "worse")])
def test_a_baseline_without_error(model, outcome):
    verdict = setting(model, {"persistence": 0.0})
    assert verdict.outcome == outcome
