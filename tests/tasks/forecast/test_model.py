from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, lists

from data.windows_case import make_panel
from recurra.data import Windows
from recurra.tasks.forecast._job import thin
from recurra.tasks.forecast._losses import likelihood_loss
from recurra.tasks.forecast._model import gather, repeat_state, training_batches
from tasks.forecast.networks import HORIZON, Case


@pytest.fixture(scope="module")
def recursive() -> Case:
    case = Case(decoder="recursive", normalisation="revin", likelihood="normal", gaps=0.0, cell="lstm", num_layers=2)
    case.give_random_weights()
    return case


@settings(max_examples=20, deadline=None)
@given(cuts=lists(integers(1, 7), max_size=3, unique=True))
def test_a_context_in_chunks_is_the_whole_context(recursive, cuts) -> None:
    batch = gather(recursive.windows, torch.tensor([15, 50]), torch.tensor([0, 0]), recursive.chosen)
    network = recursive.model.network
    units = network.compute(("level", "spread"), batch)
    steps = {
        "previous": (batch["target"] - units["level"]) / units["spread"],
        "previous_observed": batch["observed"],
        "known": batch["known"],
        "known_codes": batch["known_codes"],
    }
    fixed = {name: batch[name] for name in ("static", "static_codes", "channel")} | units
    with torch.no_grad():
        whole, end = network.run({**fixed, **steps}, None)
        state, pieces, edges = None, [], [0, *sorted(cuts), 8]
        for start, stop in pairwise(edges):
            part = {name: values[:, start:stop] for name, values in steps.items()}
            values, state = network.run({**fixed, **part}, state)
            pieces.append(values["outcome"])
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole["outcome"])
    torch.testing.assert_close(state, end)


def test_sampling_is_a_function_of_the_seed(recursive) -> None:
    def said(seed: int) -> np.ndarray:
        return recursive.forecast([10, 50], seed=seed, samples=20).quantiles

    first = said(1)
    torch.manual_seed(99)
    np.testing.assert_array_equal(said(1), first)
    assert (said(2) != first).all()


def test_sampling_leaves_the_global_random_numbers_alone(recursive) -> None:
    before = torch.get_rng_state()
    recursive.forecast([10], samples=5)
    assert torch.equal(torch.get_rng_state(), before)


def fix_outcome(case: Case, parameters: list[float]) -> None:
    """Let the network say the same distribution whatever it sees."""
    head = [block for block in case.model.network.chains["outcome"].children() if isinstance(block, torch.nn.Linear)][
        -1
    ]
    with torch.no_grad():
        head.weight.zero_()
        head.bias.copy_(torch.tensor(parameters))


@pytest.mark.parametrize("likelihood", ["normal", "student-t", "negative-binomial"])
def test_samples_follow_the_distribution_of_a_known_network(likelihood) -> None:
    levels = (0.1, 0.5, 0.9)
    case = Case(decoder="recursive", likelihood=likelihood, gaps=0.0, normalisation="mean-scaled", quantiles=levels)
    parameters = {"normal": [0.5, 0.3], "student-t": [0.5, 0.3, 1.0], "negative-binomial": [2.0, 1.0]}[likelihood]
    fix_outcome(case, parameters)
    raw = case.forecast([20], samples=8000, seed=3)
    spread = float(raw.spread[0, 0])
    scale = math.log1p(math.exp(parameters[1]))
    if likelihood == "negative-binomial":
        mean, alpha = math.log1p(math.exp(2.0)) * spread, scale / math.sqrt(spread)
        expected = scipy.stats.nbinom(1 / alpha, 1 / (1 + alpha * mean))
    elif likelihood == "normal":
        expected = scipy.stats.norm(0.5 * spread, scale * spread)
    else:
        expected = scipy.stats.t(2 + math.log1p(math.exp(1.0)), 0.5 * spread, scale * spread)
    error = 5 * expected.std() / math.sqrt(8000)
    np.testing.assert_allclose(raw.mean[0, :, 0], expected.mean(), atol=error)
    np.testing.assert_allclose(raw.quantiles[0, :, 0], [expected.ppf(levels)] * HORIZON, atol=2.5 * error + 1)


def test_a_sampled_value_is_what_the_next_step_sees() -> None:
    """A network that repeats its last value with hardly any noise walks on from the last observation."""
    case = Case(decoder="recursive", likelihood="normal", normalisation="revin", cell="rnn", gaps=0.0, hidden_size=1)
    network = case.model.network
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        layer = next(module for module in network.chains["outcome"].modules() if hasattr(module, "weight_ih_l0"))
        small = 0.01  # tanh is nearly linear here
        layer.weight_ih_l0[0, 0] = small  # pyright: ignore
        head = [block for block in network.chains["outcome"].children() if isinstance(block, torch.nn.Linear)][-1]
        head.weight[0, 0] = 1 / small
        head.bias[1] = -20.0
    raw = case.forecast([20], samples=3)
    np.testing.assert_allclose(raw.mean[0, :, 0], case.panel.target[19, 0], atol=0.02)


@pytest.mark.parametrize("ahead", range(HORIZON))
@pytest.mark.parametrize("column", ["known", "known_codes"])
def test_what_is_known_of_a_row_reaches_its_step_and_those_after(recursive, column, ahead) -> None:
    origin = 20
    other = getattr(recursive.panel, column).copy()
    other[origin + ahead] = (other[origin + ahead] + 1) % 3
    changed = Windows(replace(recursive.panel, **{column: other}), recursive.preparation, joint=False)
    one = recursive.forecast([origin], samples=3).mean[0, :, 0]
    two = recursive.model.forecast(changed, np.array([origin]), samples=3).mean[0, :, 0]
    np.testing.assert_array_equal(one[:ahead], two[:ahead])
    assert (one[ahead:] != two[ahead:]).all()


@pytest.mark.parametrize("likelihood", ["normal", "negative-binomial"])
def test_training_foretells_each_value_from_those_before_it(likelihood) -> None:
    case = Case(decoder="recursive", likelihood=likelihood, normalisation="mean-scaled", gaps=0.3)
    batch = gather(case.windows, torch.tensor([20, 50]), torch.tensor([0, 0]), case.chosen)
    units = case.model.network.compute(("level", "spread"), batch)
    shown: dict[str, torch.Tensor] = {}

    class Recorder(torch.nn.Module):
        def forward(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            shown.update(inputs)
            return {"outcome": torch.full((2, 8 + HORIZON - 1, 1, case.chosen.outputs), 0.3)}

    loss = case.model.loss(Recorder(), batch)
    values = torch.cat([batch["target"], batch["truth"]], dim=1)
    seen = torch.cat([batch["observed"], batch["truth_observed"]], dim=1)
    torch.testing.assert_close(shown["previous"], (values / units["spread"] * seen)[:, :-1])
    torch.testing.assert_close(shown["previous_observed"], seen[:, :-1])
    rows = torch.tensor([20, 50])[:, None] + torch.arange(-7, HORIZON)
    torch.testing.assert_close(shown["known"], case.windows.known[rows])
    torch.testing.assert_close(shown["known_codes"], case.windows.known_codes[rows])
    outcome = torch.full((2, 8 + HORIZON - 1, 1, 2), 0.3)
    each = likelihood_loss(outcome, values[:, 1:], units["level"], units["spread"], likelihood)
    torch.testing.assert_close(loss, each[seen[:, 1:] > 0].mean())


def test_a_state_is_repeated_row_by_row() -> None:
    h = torch.arange(6.0).reshape(1, 2, 3)
    again = repeat_state({"branch": {"0": (h, h + 10)}}, 2)["branch"]["0"]
    assert again[0][0, :, 0].tolist() == [0, 0, 3, 3]
    assert again[1][0, :, 0].tolist() == [10, 10, 13, 13]


@pytest.mark.parametrize("normalisation", ["series", "last", "last-scaled", "revin", "mean-scaled", "relative"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_forecast_does_not_depend_on_its_neighbours(cell, normalisation) -> None:
    case = Case(cell=cell, normalisation=normalisation, targets=2, gaps=0.3, bidirectional=True)
    case.give_random_weights()
    origins = [3, 8, 20, 35, 44, 60]
    together = case.forecast(origins)
    alone = [case.forecast([origin]) for origin in origins]
    np.testing.assert_allclose(together.mean, np.concatenate([raw.mean for raw in alone]), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        together.quantiles, np.concatenate([raw.quantiles for raw in alone]), rtol=1e-4, atol=1e-5
    )
    other_way = case.forecast(origins[::-1])
    np.testing.assert_allclose(together.mean, other_way.mean[::-1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("decoder", ["direct", "recursive"])
@pytest.mark.parametrize("column", ["target", "past"])
def test_what_comes_later_changes_no_earlier_forecast(decoder, column) -> None:
    panel = make_panel(0, [40, 30], gaps=0.2)
    later = getattr(panel, column).copy()
    later[25:40] = 1e5
    case, changed = (Case(panel=p, decoder=decoder) for p in (panel, replace(panel, **{column: later})))
    case.give_random_weights()
    changed.model.network.load_state_dict(case.model.network.state_dict())
    changed.windows.__init__(changed.panel, case.preparation, joint=False)
    origins = [10, 20, 25, 50]
    one, two = (c.forecast(origins, samples=4) for c in (case, changed))
    np.testing.assert_array_equal(one.mean, two.mean)
    np.testing.assert_array_equal(one.quantiles, two.quantiles)
    moved = (case.forecast([27], samples=4).mean != changed.forecast([27], samples=4).mean).any()
    assert moved == (decoder == "direct" or column == "target")


def test_batches_show_every_window_and_target_once(seed) -> None:
    case = Case(targets=2, gaps=0.0)
    origins = np.array([10, 12, 50])
    batches = training_batches(case.windows, origins, case.chosen, batch_size=4, steps=None, seed=seed)
    assert len(batches) == 2
    for epoch in (0, 1):
        drawn = [batches.batch(epoch, index) for index in range(2)]
        truth = torch.cat([batch["truth"][:, 0, 0] for batch in drawn])
        channel = torch.cat([batch["channel"][:, 0] for batch in drawn])
        expected = [(float(case.panel.target[row, c]), c) for row in origins for c in (0, 1)]
        assert sorted(zip(truth.tolist(), channel.tolist(), strict=True)) == sorted(expected)


def test_a_tenth_of_the_windows_is_shown_without_static_codes(seed) -> None:
    panel = make_panel(0, [1200, 30])
    panel.static_codes[:] = 2
    case = Case(panel=panel)
    origins = np.arange(10, 1100)
    batches = training_batches(case.windows, origins, case.chosen, batch_size=1090, steps=None, seed=seed)
    codes = [batches.batch(epoch, 0)["static_codes"].flatten() for epoch in (0, 1)]
    hidden = [int((given == 0).sum()) for given in codes]
    assert hidden[0] == hidden[1]  # always the same ones
    assert 80 <= hidden[0] <= 140


def test_validation_weighs_windows_by_their_known_truths() -> None:
    case = Case(gaps=0.4)
    origins = np.array([10, 20, 50])
    batch = gather(case.windows, torch.from_numpy(origins), torch.zeros(3, dtype=torch.int64), case.chosen)
    with torch.no_grad():
        whole = case.model.loss(case.model.network, batch).item()
    assert case.model.validation_loss(case.model.network, case.windows, origins) == pytest.approx(whole)


@pytest.mark.parametrize("decoder", ["direct", "recursive"])
@pytest.mark.parametrize("channels", ["independent", "joint"])
def test_no_windows_give_no_forecasts(decoder, channels) -> None:
    raw = Case(targets=2, decoder=decoder, channels=channels).forecast([])
    assert (raw.mean.shape, raw.quantiles.shape, raw.spread.shape) == ((0, HORIZON, 2), (0, HORIZON, 2, 7), (0, 2))


@pytest.mark.parametrize(
    ("count", "most", "season", "kept"), [(10, 10, 1, 10), (10, 5, 1, 5), (100, 50, 4, 34), (5, 0 + 1, 1, 1)]
)
def test_thinning_leaves_out_no_phase_of_the_season(count, most, season, kept) -> None:
    origins = thin(np.arange(count), most, season)
    assert len(origins) == kept
    assert kept < season or set(origins % season) == set(range(season))
