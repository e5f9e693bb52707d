from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from recurra.errors import ConfigError
from recurra.tasks.forecast import Forecaster
from recurra.tasks.forecast._live import LiveForecaster
from recurra.tasks.forecast._live_decoding import Sampled
from tasks.forecast.conftest import hourly
from tasks.forecast.live_cases import COVARIATES, SMALL, LiveCase, fit, predict, rows_of, two_targets, with_gaps

SAMPLES = 4000


def counts() -> pl.DataFrame:
    return hourly(160).with_columns(pl.col("y").round())


CASES = (
    LiveCase("counts, covariates", counts, {**COVARIATES, "likelihood": "negative-binomial"}),
    LiveCase("student-t, gaps", with_gaps, {"likelihood": "student-t", "num_layers": 2}),
    LiveCase("normal, two targets", two_targets, {"target": "y,z", "known": "price,plan", "likelihood": "normal"}),
    LiveCase(
        "joint, lstm", two_targets, {"target": "y,z", "channels": "joint", "likelihood": "normal", "cell": "lstm"}
    ),
)


@pytest.fixture(scope="module", params=CASES, ids=str)
def fitted(request, tmp_path_factory) -> tuple[LiveCase, LiveForecaster, Forecaster]:
    case: LiveCase = request.param
    options = {**case.options, "decoder": "recursive", "samples": SAMPLES}
    return case, *fit(LiveCase(case.name, case.table, options), tmp_path_factory.mktemp("live") / "model")


def test_paths_are_distributed_like_those_of_torch(fitted) -> None:
    case, live, model = fitted
    name, rows = next(iter(rows_of(case.table(), live).items()))
    session = live.stream(id=name, adapt=False, plan=True)
    for row in rows[:-1]:
        session.observe(row)
    answer = session.push(rows[-1])
    expected, other = (
        predict(model, case.table(), seed=seed).filter(pl.col("series") == (name[0] if name else "")) for seed in (1, 2)
    )
    middle = [f"q{level:g}" for level in live.chosen.levels if 0.1 <= level <= 0.9]
    found = pl.DataFrame(live.rows(session, answer))
    for target in answer.targets:
        mine, theirs, again = (
            frame.filter(pl.col("target") == target).select("mean", *middle).to_numpy()
            for frame in (found, expected, other)
        )
        width = float(np.mean(theirs[:, -1] - theirs[:, 1]))
        # As near as torch is to itself with another seed, or nearly so.
        assert np.abs(mine - theirs).mean() < 1.6 * np.abs(again - theirs).mean() + 0.005 * width


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> LiveForecaster:
    """A recursive decoder that draws few paths."""
    options = {**SMALL, "decoder": "recursive", "samples": 20, "time": "none"}
    return fit(LiveCase("few", lambda: with_gaps().select("y"), options), tmp_path_factory.mktemp("live") / "few")[0]


def warm(live: LiveForecaster, seed: int | None = None):
    session = live.stream(seed=seed)
    for value in np.sin(np.arange(40.0)) + 10:
        session.observe(value)
    return session


def test_draws_are_a_function_of_seed_and_step(few: LiveForecaster) -> None:
    first, second, third = warm(few, 1), warm(few, 1), warm(few, 2)
    said = first.push(10.0)
    assert np.array_equal(said.quantiles, second.push(10.0).quantiles)
    assert not np.array_equal(said.quantiles, third.push(10.0).quantiles)
    restored = few.restore(first.state())
    assert np.array_equal(first.push(9.5).quantiles, restored.push(9.5).quantiles)


def test_many_sessions_draw_as_each_alone(few: LiveForecaster) -> None:
    sessions = [warm(few, seed) for seed in (1, 2, 3)]
    alone = [session.fork().push(9.0 + place) for place, session in enumerate(sessions)]
    together = few.push_many(sessions, [9.0, 10.0, 11.0])
    for one, other in zip(alone, together, strict=True):
        assert np.allclose(one.quantiles, other.quantiles, rtol=1e-5)


def test_gates_over_the_window(few: LiveForecaster) -> None:
    session = warm(few)
    said = session.push(10.0)
    seen = session.inside()
    assert np.array_equal(seen.answer.quantiles, said.quantiles)
    assert [trace.branch for trace in seen.traces] == ["outcome"]
    assert seen.traces[0].hidden.shape == (few.chosen.context, few.chosen.hidden_size)
    with pytest.raises(ConfigError, match="recursive decoder can't be held"):
        session.inside(hold={"z": 0.0})


def test_absurd_values_pass(few: LiveForecaster) -> None:
    session = warm(few)
    for value in (3.4e38, -3.4e38, 3e38, 1e38):
        session.push(value)
    for value in np.sin(np.arange(30.0)):
        answer = session.push(value)
        assert few.document(answer)
    assert np.isfinite(session.push(1.0).quantiles).all()


def test_counts_beyond_all_bounds_are_drawn(few: LiveForecaster) -> None:
    decoder = few.decoder
    assert isinstance(decoder, Sampled)
    copy = Sampled(decoder.network, few.chosen.model_copy(update={"loss": "negative-binomial"}), 1, 2)
    drawn = copy._draw(np.full((2, 1, 2), 60.0), np.zeros((2, 1)), np.full((2, 1), 1e30), [np.random.default_rng(0)])
    assert np.isfinite(drawn).all() and (drawn >= 0).all()


def test_it_does_not_learn_on(few: LiveForecaster) -> None:
    with pytest.raises(ConfigError, match="learn=True: few decodes recursively, and only direct decoders learn on"):
        few.stream(learn=True)
