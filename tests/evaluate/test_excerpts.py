from __future__ import annotations

import numpy as np
import pytest

from evaluate.report_case import make_report
from recurra.evaluate._excerpts import MOST_POINTS, excerpt, recent_and_typical, worst


@pytest.fixture
def report():
    return make_report(series=("a", "b"))


def test_the_latest_and_three_more(report):
    scale = report.seasonal_errors[report.forecasts.series]
    chosen = recent_and_typical(report.forecasts, scale)
    assert len(set(chosen)) == 4
    assert report.forecasts.times[chosen[0]] == report.forecasts.times.max()
    error = np.abs(report.forecasts.truth - report.forecasts.median).mean(axis=(1, 2)) / scale[:, 0]
    assert error[chosen[1]] < error[chosen[2]] < error[chosen[3]]


def test_the_worst_do_not_overlap(report):
    scale = report.seasonal_errors[report.forecasts.series]
    chosen = worst(report.forecasts, scale, count=4)
    error = np.abs(report.forecasts.truth - report.forecasts.median).mean(axis=(1, 2)) / scale[:, 0]
    assert chosen[0] == np.argmax(error)
    for one in chosen:
        for other in chosen:
            same = report.forecasts.series[one] == report.forecasts.series[other]
            assert one == other or not same or abs(report.forecasts.origin[one] - report.forecasts.origin[other]) >= 6


def test_a_window_is_cut_out_with_what_came_before(report):
    cut = excerpt(
        report.forecasts, 25, 0, values=report.values, offsets=report.offsets, time=report.time,
        baselines=report.baselines, baseline="drift",
    )  # fmt: skip
    origin = report.forecasts.origin[25]
    assert (cut.series, cut.target) == ("b", "y")
    np.testing.assert_array_equal(cut.past, report.values[origin - 24 : origin, 0])
    np.testing.assert_array_equal(cut.truth, report.values[origin : origin + 6, 0])
    np.testing.assert_array_equal(cut.at, report.time[origin : origin + 6])
    np.testing.assert_array_equal(cut.baseline, report.baselines["drift"][25, :, 0])
    assert [share for share, _, _ in cut.intervals] == pytest.approx([0.95, 0.8, 0.5])


def test_history_ends_where_the_series_begins():
    report = make_report(series=("a", "b"), rows=40, windows=25)
    cut = excerpt(
        report.forecasts, 25, 0, values=report.values, offsets=report.offsets, time=report.time
    )  # fmt: skip
    assert len(cut.past) == report.forecasts.origin[25] - 40 < 24


def test_long_windows_are_thinned():
    report = make_report(rows=2500, horizon=720, windows=1)
    cut = excerpt(report.forecasts, 0, 0, values=report.values, offsets=report.offsets, time=report.time)
    assert len(cut.at) == len(cut.past) == MOST_POINTS
    assert cut.at[-1] == report.time[-1]
    assert cut.past_at[-1] == report.time[-721]
