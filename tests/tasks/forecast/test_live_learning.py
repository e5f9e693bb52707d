from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from recurra.errors import ConfigError
from recurra.runtime import Network
from recurra.tasks.forecast import _live_learning
from recurra.tasks.forecast._live import LiveForecaster
from recurra.tasks.forecast._live_answer import Forecast
from recurra.tasks.forecast._live_learning import HEAD_RATE, SKIP_RATE, Learner, Loss, Parts
from recurra.tasks.forecast._losses import point_loss, quantile_loss
from tasks.forecast.live_cases import CASES, SMALL, fit, load_live, rows_of, save
from tasks.forecast.panels import season_and_noise, tiny

LEVELS = (0.1, 0.5, 0.9)
OPTIONS = {**SMALL, "epochs": 10, "steps_per_epoch": 10, "time": "none"}


def trained(values: np.ndarray, folder: Any, **options: Any) -> LiveForecaster:
    save(tiny(**{**OPTIONS, **options}).fit(pl.DataFrame({"y": values}), progress="none"), folder)
    return load_live(folder)


@pytest.fixture(scope="module")
def lives(tmp_path_factory) -> dict[str, LiveForecaster]:
    folder = tmp_path_factory.mktemp("learning")
    sine, noise = season_and_noise(400), np.random.default_rng(9).normal(size=400)
    return {
        "head": trained(sine, folder / "head"),
        "skip": trained(sine, folder / "skip", linear_skip=True),
        "noise": trained(noise, folder / "noise", linear_skip=True),
    }


def changed(seed: int, rows: int = 1500) -> np.ndarray:
    """The season that was trained on, for a while; then one of another shape, with twice the noise."""
    draw = np.random.default_rng(seed)
    turn = np.arange(rows) * 2 * np.pi / 12
    values = 10 + 3 * np.sin(turn) + 0.3 * draw.normal(size=rows)
    values[100:] = (10 + 3 * np.sign(np.sin(turn)) + 0.6 * draw.normal(size=rows))[100:]
    return values


def losses(live: LiveForecaster, values: np.ndarray, *, learn: bool, last: int) -> np.ndarray:
    """The loss of all steps ahead, of the `last` forecasts whose truths are all there, as training has it."""
    session = live.stream(adapt=False, learn=learn)
    answers = [session.push(float(value)) for value in values]
    horizon = live.chosen.horizon
    origins = range(len(values) - horizon - last, len(values) - horizon)
    said = np.stack([outcome(answers[row]) for row in origins])
    truth = np.stack([values[row + 1 : row + 1 + horizon] for row in origins])
    loss = quantile_loss(torch.tensor(said), torch.tensor(truth)[..., None], torch.tensor(live.chosen.levels))
    return loss.numpy()


def outcome(answer: Forecast) -> np.ndarray:
    return np.concatenate([answer.mean[..., None], answer.quantiles], axis=-1).astype(np.float64)


@pytest.mark.slow
@pytest.mark.parametrize("seed", (0, 1, 2))
@pytest.mark.parametrize(("name", "share"), [("head", 0.8), ("skip", 0.92)])
def test_what_has_changed_is_learned(lives, name: str, share: float, seed: int) -> None:
    values = changed(seed)
    learned, plain = (losses(lives[name], values, learn=learn, last=500).mean() for learn in (True, False))
    assert learned < share * plain


@pytest.mark.slow
@pytest.mark.parametrize("seed", (0, 1, 2))
def test_where_nothing_can_be_learned_little_is_lost(lives, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(seed).normal(size=1500)
    plain = losses(lives["noise"], values, learn=False, last=1400).mean()

    def ratio() -> float:
        return losses(lives["noise"], values, learn=True, last=1400).mean() / plain

    assert ratio() < 1.01
    for rate in ("HEAD_RATE", "SKIP_RATE"):
        monkeypatch.setattr(_live_learning, rate, 0.5)
    assert ratio() < 1.02
    monkeypatch.setattr(_live_learning, "MARGIN", np.inf)
    assert ratio() > 1.2


def test_what_harmed_is_taken_back_to_what_helped(lives, monkeypatch: pytest.MonkeyPatch) -> None:
    live = lives["skip"]
    session = live.stream(learn=True)
    answers = [session.push(float(value)) for value in changed(0, 400)]
    learner = session.learner
    assert learner is not None and answers[-1].learning == learner.report()
    gain, rollbacks = learner.report()
    assert gain is not None and gain < 0.95 and rollbacks == 0
    good = learner.arrays[2:4]
    assert all(array.any() for array in good)
    expected = [array.copy() for array in good]
    monkeypatch.setattr(_live_learning, "SKIP_RATE", 0.0)
    monkeypatch.setattr(_live_learning, "HEAD_RATE", 0.0)
    learner.arrays[1][:] += 1
    for value in changed(1, 500)[400:]:
        session.push(float(value))
        if learner.tally.rollbacks:
            break
    assert learner.report() == (None, 1)
    assert all(np.array_equal(now, before) for now, before in zip(learner.arrays[:2], expected, strict=True))
    assert not any(array.any() for array in good)
    assert learner.tally.pace == 0.5
    # What waits for its truth is judged as if it had been said with what is left.
    plain, said, *rest = learner.arrays[5:]
    for place in range(learner.count):
        own = Parts(plain[place], *(array[place] for array in rest))
        assert np.array_equal(said[place], learner.learned(own)) and not np.array_equal(said[place], plain[place])
    monkeypatch.setattr(_live_learning, "MARGIN", -1.0)
    for value in changed(1, 600)[500:]:
        session.push(float(value))
    assert learner.report().rollbacks == 1 + 100 // 30
    assert not any(array.any() for array in learner.arrays[:4])
    assert np.array_equal(said, plain)


WITH_WEIGHTS = [
    "hourly",
    "with a ridge regression",
    "segments past the horizon",
    "two targets",
    "two targets, joint",
    "point forecasts",
    "both ways, lstm",
]


@pytest.mark.parametrize("name", WITH_WEIGHTS)
def test_it_says_what_the_network_with_such_weights_would_say(name: str, tmp_path) -> None:
    case = next(case for case in CASES if case.name == name)
    live = fit(case, tmp_path / "bundle")[0]
    other = load_live(tmp_path / "bundle")
    ((_, rows),) = rows_of(case.table(), live).items()
    session, plain, expected = live.stream(learn=True, adapt=False), live.stream(adapt=False), other.stream(adapt=False)
    for row in rows[:60]:
        for each in (session, plain, expected):
            each.observe(row)
    assert session.learner is not None
    head, skip = session.learner.arrays[:2]
    draw = np.random.default_rng(0)
    weights = dict(live.bundle.weights())
    if live.chosen.linear_skip:
        skip[:] = draw.normal(size=skip.shape) / 10
        weights["chains.skip.0.linear.weight"] = weights["chains.skip.0.linear.weight"] + skip
    else:
        head[:] = draw.normal(size=head.shape) / 10
        flat = head.reshape(-1, head.shape[2])
        weights["chains.decoded.2.weight"] = weights["chains.decoded.2.weight"] + flat[:, :-1]
        weights["chains.decoded.2.bias"] = weights["chains.decoded.2.bias"] + flat[:, -1]
    other.decoder.network = Network(live.decoder.network.composition, weights, outputs=("forecast", "spread"))
    said, unchanged, wanted = (outcome(each.push(rows[60])) for each in (session, plain, expected))
    assert np.abs(wanted - unchanged).max() > 0.01
    assert np.allclose(said, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["quantile", "mse", "mae"])
def test_the_loss_is_that_of_training_and_the_slope_its_derivative(kind: str) -> None:
    draw = np.random.default_rng(0)
    off = draw.normal(size=(50, 1 + len(LEVELS) if kind == "quantile" else 1))
    loss = Loss(kind, LEVELS)
    given = torch.tensor(off), torch.zeros(50)
    trained = quantile_loss(*given, torch.tensor(LEVELS)) if kind == "quantile" else point_loss(*given, kind)
    assert np.allclose(loss.of(off), trained.numpy(), atol=1e-6)
    for place in range(off.shape[1]):
        nudge = np.zeros_like(off)
        nudge[:, place] = 1e-6
        derivative = (loss.of(off + nudge) - loss.of(off - nudge)) / 2e-6
        assert np.allclose(loss.slope(off)[:, place], derivative, atol=1e-5)


def test_one_step_by_hand(lives) -> None:
    chosen = lives["skip"].chosen.model_copy(update={"horizon": 1, "horizon_padded": 1, "segment": 1, "context": 3})
    learner = Learner(chosen, 1)
    draw = np.random.default_rng(0)
    features = np.append(draw.normal(size=chosen.hidden_size), 1).astype(np.float32).reshape(1, 1, -1)
    window = np.array([1.0, -2.0, 0.5], dtype=np.float32).reshape(1, 3, 1)
    parts = Parts(np.zeros((1, 1, 1, chosen.outputs), np.float32), np.full((1, 1, 1), 2, np.float32), features, window)
    learner.remember(0, parts, learner.learned(parts))
    learner.learn(2, (6.0,))  # of no forecast
    learner.learn(1, (np.nan,))
    assert not learner.learned(parts).any()
    learner.learn(1, (6.0,))
    # All outputs were 3 spreads too low. The mean's step is as large; a quantile's is its level of the usual error,
    # which is that error.
    levels = np.array(chosen.levels)
    steps = 3 * np.append(1, levels)
    together = SKIP_RATE * (0.5 * steps[0] + steps[1:].mean()) * 5.25 / 6.25
    assert np.allclose(learner.learned(parts)[0, 0, 0] / 2, HEAD_RATE * steps + together, rtol=1e-4)


def test_an_accident_takes_no_larger_step_than_twice_the_usual_error(lives, monkeypatch: pytest.MonkeyPatch) -> None:
    update = {"horizon": 1, "horizon_padded": 1, "segment": 1, "linear_skip": False, "loss": "mse", "outputs": 1}
    learner = Learner(lives["skip"].chosen.model_copy(update=update), 1)
    monkeypatch.setattr(_live_learning, "HEAD_RATE", 0.0)
    parts = random_parts(np.random.default_rng(0), learner)
    for row in range(19):
        learner.remember(row, parts, parts.forecast)
        learner.learn(row + 1, (0.1,))
    monkeypatch.setattr(_live_learning, "HEAD_RATE", 0.5)
    learner.remember(19, parts, parts.forecast)
    learner.learn(20, (1e6,))
    usual = (19 * 0.1 + 10) / 20
    assert np.allclose(learner.learned(parts), 0.5 * 2 * usual, rtol=1e-4)


def random_parts(draw: np.random.Generator, learner: Learner) -> Parts:
    """A forecast of zeros, with random features."""
    plain, _, spread, features, window = (np.zeros_like(array[0]) for array in learner.arrays[5:])
    features[:] = draw.normal(size=features.shape)
    features[..., -1] = 1
    return Parts(plain, np.ones_like(spread), features, window)


@pytest.mark.parametrize("kind", ["quantile", "mse", "mae"])
def test_each_place_of_a_segment_learns_its_own_map(lives, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    update = {"horizon": 6, "horizon_padded": 6, "segment": 2, "linear_skip": False, "loss": kind, "levels": LEVELS}
    outputs = 4 if kind == "quantile" else 1
    learner = Learner(lives["skip"].chosen.model_copy(update={**update, "outputs": outputs}), 1)
    monkeypatch.setattr(_live_learning, "HEAD_RATE", 0.3)
    draw = np.random.default_rng(0)
    wanted = draw.normal(size=(2, learner.arrays[0].shape[2]))
    made = []
    for row in range(1000):
        # All wait for the same truth, so the forecasts are what differs.
        parts = random_parts(draw, learner)
        parts.forecast[0, :, 0] = -np.stack([wanted[k % 2] @ parts.features[0, k // 2] for k in range(6)])[:, None]
        learner.learn(row, (0.0,))
        said = learner.learned(parts)
        learner.remember(row, parts, said)
        made.append(np.abs(said[..., 0]).mean() / np.abs(parts.forecast).mean())
    assert np.mean(made[-50:]) < (0.02 if kind != "mae" else 0.1)


@pytest.mark.parametrize("name", ["head", "skip"])
def test_a_session_goes_on_from_its_bytes(lives, name: str) -> None:
    live = lives[name]
    values = [float(value) for value in changed(3, 220)]
    session, chunked, other = live.stream(learn=True), live.stream(learn=True), live.stream()
    for place, value in enumerate(values):
        if place % 50 == 7:
            chunked = live.restore(chunked.state()).fork()
        answer = session.push(value)
        assert np.array_equal(outcome(answer), outcome(chunked.push(value)))
        if place % 20 == 0 and answer.ready:
            inside = session.inside().answer
            assert np.allclose(outcome(inside), outcome(answer), atol=1e-5) and inside.learning == answer.learning
        other.push(value)
    assert session.state() == chunked.state()
    # Beside sessions that learn and some that don't; each keeps to itself.
    alone = [each.fork().push(values[0]) for each in (session, other)]
    together = live.push_many([session, other], [values[0]] * 2)
    for one, two in zip(alone, together, strict=True):
        assert np.allclose(outcome(one), outcome(two), atol=1e-5) and one.learning == two.learning
    assert not np.allclose(outcome(alone[0]), outcome(alone[1]), atol=1e-3)
    assert "learning" not in live.document(alone[1])
    assert set(live.document(alone[0])["learning"]) == {"gain", "rollbacks"}
    session.reset()
    assert session.state() == live.stream(learn=True).state()


def test_accidents_leave_no_trace_that_stays(lives) -> None:
    session = lives["skip"].stream(learn=True)
    values = changed(4, 300).tolist()
    values[50], values[120:123] = 3e38, [None, "NA", -3e38]
    answers = [session.push(value) for value in values]
    assert session.learner is not None and all(np.isfinite(array).all() for array in session.learner.arrays[:4])
    gain, _ = session.learner.report()
    assert gain is not None and gain < 1.02
    assert np.isfinite(answers[-1].quantiles).all()


def test_rows_that_are_only_observed_are_learned_from_too(lives) -> None:
    session = lives["head"].stream(learn=True)
    for value in changed(5, 100):
        session.push(float(value))
    assert session.learner is not None
    truths = session.learner.tally.truths
    for value in changed(5, 120)[100:]:
        session.observe(float(value))
    assert session.learner.tally.truths == truths + lives["head"].chosen.horizon


def test_learn_is_true_or_false(lives) -> None:
    with pytest.raises(ConfigError, match="learn=1"):
        lives["head"].stream(learn=1)
