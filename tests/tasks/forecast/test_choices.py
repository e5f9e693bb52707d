from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from recurra.data import Panel
from recurra.errors import ConfigError, DataError
from recurra.tasks.forecast._choices import Chosen, Reasons, choose, choose_epochs, choose_horizon
from recurra.tasks.forecast._config import ForecastConfig
from tasks.forecast.panels import panel_of, season_and_noise


def chosen(panel: Panel, *, horizon: int = 6, gaps: bool = False, **options: Any) -> tuple[Chosen, Reasons]:
    why: Reasons = {}
    config = config_of(**options)
    training = np.ones(panel.num_rows, dtype=bool)
    return choose(panel, training, config, why, horizon=horizon, has_gaps=gaps), why


def config_of(**options: Any) -> ForecastConfig:
    return ForecastConfig.model_validate(options)


SINE = panel_of(season_and_noise(400, 12), every=None)


@pytest.mark.parametrize(
    ("every", "rows", "horizon"),
    [("1h", 2000, 24), ("1d", 2000, 7), ("1mo", 300, 12), ("1h", 100, 10), ("1d", 5, 1), (None, 2000, 12)],
)
def test_the_horizon_is_what_is_usual_within_a_tenth_of_the_rows(every, rows, horizon) -> None:
    why: Reasons = {}
    assert choose_horizon(panel_of(np.arange(float(rows)), every=every), config_of(), why) == horizon
    assert why["horizon"][0] == horizon
    assert (every or "without a known frequency") in why["horizon"][1]


def test_a_given_horizon_stays() -> None:
    why: Reasons = {}
    assert choose_horizon(SINE, config_of(horizon=77), why) == 77
    assert why["horizon"] == (77, "set by you")


def test_every_choice_has_its_reason() -> None:
    decided, why = chosen(SINE, horizon=6)
    assert set(why) == {"season", "context", "segment", "normalisation"}
    assert why["season"][0] == decided.season == 12
    context, segment = decided.context, decided.segment
    assert context >= 2 * decided.season
    assert why["context"] == (context, f"{context / 6:.1f} horizons, {context / 12:.1f} seasons")
    assert why["segment"][0] == segment
    assert why["normalisation"][0] == decided.normalisation == "last-scaled"
    assert all(reason for _, reason in why.values())


def test_segments_are_said_to_shorten_the_recurrence() -> None:
    decided, why = chosen(panel_of(season_and_noise(2000, 24), every=None), horizon=24)
    assert decided.segment > 1
    steps = f"{decided.context // decided.segment} recurrent steps instead of {decided.context}"
    assert why["segment"] == (decided.segment, steps)


def test_what_is_given_is_said_to_be_given() -> None:
    given = {"season": 7, "context": 30, "segment": 3, "normalisation": "revin"}
    decided, why = chosen(SINE, **given)
    assert {name: why[name] for name in given} == {name: (value, "set by you") for name, value in given.items()}
    assert {name: getattr(decided, name) for name in given} == given


def test_context_and_horizon_are_whole_segments() -> None:
    decided, _ = chosen(SINE, horizon=7, context=25, segment=4)
    assert (decided.context, decided.horizon_padded, decided.horizon) == (28, 8, 7)


@pytest.mark.parametrize("horizon", [1, 6, 7, 24, 96])
def test_a_segment_divides_the_horizon_and_leaves_steps(horizon) -> None:
    decided, _ = chosen(panel_of(season_and_noise(2000, 24), every=None), horizon=horizon)
    assert decided.horizon_padded == horizon
    assert decided.segment == 1 or decided.context // decided.segment >= 24


def test_a_long_season_is_not_shown_twice() -> None:
    assert chosen(panel_of(season_and_noise(1500, 365), every="1d"), season=365, segment=1)[0].context == 365
    assert chosen(panel_of(season_and_noise(1500, 100), every=None), season=100, segment=1)[0].context == 200


def test_a_short_series_gets_a_short_context() -> None:
    decided, _ = chosen(panel_of(season_and_noise(20, 4), every=None), horizon=3)
    assert decided.context == 8
    assert (decided.horizon, decided.shortest_history) == (3, 3)


def test_masks_are_shown_where_something_can_be_missing() -> None:
    assert not chosen(SINE)[0].masks
    assert chosen(SINE, gaps=True)[0].masks
    assert chosen(panel_of(season_and_noise(400), season_and_noise(20), every=None))[0].masks


def test_a_horizon_longer_than_the_data() -> None:
    with pytest.raises(DataError, match=r"horizon 29 is longer .* has 30 rows for training. Pass --horizon 6 or less"):
        chosen(panel_of(season_and_noise(30), every=None), horizon=29)


def test_a_context_longer_than_the_data() -> None:
    with pytest.raises(ConfigError, match=r"context 30 does not fit.* has 30 rows for training. Pass --context 23"):
        chosen(panel_of(season_and_noise(30), every=None), context=30)


def test_a_recursive_decoder_cannot_read_backwards() -> None:
    with pytest.raises(ConfigError, match="reads forward only"):
        chosen(SINE, decoder="recursive", bidirectional=True)


@pytest.mark.parametrize(
    ("values", "likelihood", "normalisation"),
    [
        (np.arange(100) % 5, "negative-binomial", "mean-scaled"),
        (np.arange(100) % 5 + 1000, "student-t", "revin"),  # whole but large
        (np.arange(100) % 5 - 1, "student-t", "revin"),
        (np.arange(100) % 5 + 0.5, "student-t", "revin"),
        (np.where(np.arange(100) % 7, np.arange(100) % 5, np.nan), "negative-binomial", "mean-scaled"),
    ],
)
def test_the_likelihood_is_that_of_counts_for_counts(values, likelihood, normalisation) -> None:
    decided, why = chosen(panel_of(values.astype(float), every=None), decoder="recursive")
    assert (decided.loss, decided.normalisation) == (likelihood, normalisation)
    assert why["likelihood"][0] == likelihood
    assert (decided.segment, decided.linear_skip) == (1, False)
    assert decided.outputs == (2 if likelihood == "negative-binomial" else 3)


def test_outputs_are_a_mean_and_the_quantiles() -> None:
    decided, _ = chosen(SINE, quantiles=(0.9, 0.1))
    assert (decided.outputs, decided.levels) == (3, (0.1, 0.9))
    assert chosen(SINE, loss="mae")[0].outputs == 1


def test_what_was_never_negative_has_a_floor() -> None:
    assert chosen(panel_of(np.arange(50.0), every=None))[0].floor == (0,)
    assert chosen(panel_of(np.arange(50.0) - 1, every=None))[0].floor == (-math.inf,)


@pytest.mark.parametrize(("whole", "steps", "epochs"), [(1, 1, 200), (7, 7, 100), (70, 70, 10), (100_000, 70, 10)])
def test_about_seven_hundred_steps_in_all(whole, steps, epochs) -> None:
    why: Reasons = {}
    assert choose_epochs(whole, config_of(), why) == (epochs, steps)
    assert why["steps_per_epoch"][0] == steps
    assert ("every window once" in why["steps_per_epoch"][1]) == (whole <= 70)
    assert choose_epochs(whole, config_of(epochs=3, steps_per_epoch=2), why) == (3, 2)


@pytest.mark.parametrize("text", ["0.1,0.9", ["0.1", "0.9"], ["0.1,0.9"], (0.1, 0.9)])
def test_quantiles_may_be_written_in_one_word(text) -> None:
    assert config_of(quantiles=text).quantiles == (0.1, 0.9)
