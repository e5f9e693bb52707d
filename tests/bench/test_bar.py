from __future__ import annotations

import pytest

from bench.reports import RUN, measurement, timing
from recurra.bench._bar import Line, bar
from recurra.bench._results import Run

LINES = {line.name: line for line in bar(RUN)}


def test_means_are_geometric_over_configurations():
    assert LINES["forward, GRU against torch.nn"].value == pytest.approx(4)
    lstm = LINES["forward, LSTM against torch.nn"]
    assert lstm.value == pytest.approx((2 * 0.5) ** 0.5)
    assert lstm.worst == "lstm T7-B3-I2-H5 forward: 0.5"
    assert (lstm.is_met, LINES["forward, GRU against torch.nn"].is_met) == (False, True)


def test_the_best_peer_is_the_fastest_of_all_others():
    # jax before torch at GRU; torch where jax was wrong.
    assert LINES["forward, against the best peer"].value == pytest.approx((2 * 2 * 0.5) ** (1 / 3))


def test_the_lowest_ratio_says_where():
    lowest = LINES["forward, lowest against torch.nn"]
    assert (lowest.value, lowest.worst, lowest.is_met) == (0.5, "lstm T7-B3-I2-H5 forward", False)


def test_the_share_of_peak_is_that_of_large_layers():
    gflops = [2 * gates * 256 * 512 * 320 / 1e-3 / 1e9 for gates in (3, 4)]
    share = LINES["forward, share of peak, H >= 256, B >= 32"]
    assert share.value == pytest.approx((gflops[0] * gflops[1]) ** 0.5 / 500)


def test_steps_and_lengths():
    assert LINES["one step, LSTM against torch.nn"].value == pytest.approx(100)
    assert LINES["one step, lowest against onnxruntime"].value == pytest.approx(2)
    assert LINES["variable lengths, against packed sequences"].value == pytest.approx(8)
    padded = LINES["variable lengths, time over that of the padded run"]
    assert (padded.value, padded.is_met) == (pytest.approx(0.5), True)


def test_accuracy_is_the_worst_multiple_of_torchs_error():
    error = LINES["error in float32 as a multiple of torch's"]
    assert (error.value, error.is_met) == (pytest.approx(2.5), False)
    assert error.worst == "lstm T7-B3-I2-H5 forward, output"


def test_what_was_not_measured_is_neither_met_nor_missed():
    assert all(line.value is None and line.is_met is None for line in bar(Run((), 1.0)))
    wrong = measurement("gru", torch=timing(1.0), failures={"recurra": "wrong"})
    assert all(line.is_met is None for line in bar(Run((wrong,), 1.0)))


@pytest.mark.parametrize(("at_least", "met"), [(True, [False, True, True]), (False, [True, True, False])])
def test_a_bar_is_met_at_its_height(at_least, met):
    assert [Line("", value, 2.0, at_least).is_met for value in (1.9, 2.0, 2.1)] == met
