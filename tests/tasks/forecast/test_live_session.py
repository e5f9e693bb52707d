from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl
import pytest

from recurra.errors import ConfigError, DataError, StateError
from recurra.runtime import seal, unseal
from recurra.tasks.forecast._live import LiveForecaster
from recurra.tasks.forecast._live_session import ForecastSession
from tasks.forecast.conftest import hourly
from tasks.forecast.live_cases import COVARIATES, LiveCase, fit, single, two_targets, uneven

CASES = {
    "hourly": LiveCase("hourly", single),
    "order": LiveCase("order", lambda: single().select("y"), {"time": "none", "cell": "lstm"}),
    "uneven": LiveCase("uneven", uneven),
    "shops": LiveCase("shops", lambda: hourly(160), COVARIATES),
    "two": LiveCase("two", two_targets, {"target": "y,z", "known": "price,plan", "past": "seen"}),
}


@pytest.fixture(scope="module")
def lives(tmp_path_factory) -> dict[str, LiveForecaster]:
    folder = tmp_path_factory.mktemp("live")
    return {name: fit(case, folder / name)[0] for name, case in CASES.items()}


def warm(live: LiveForecaster, rows: list[Any], **options: Any) -> ForecastSession:
    session = live.stream(**options)
    for row in rows:
        session.observe(row)
    return session


HOURLY = single().to_dicts()
SHOP = hourly(160).filter(pl.col("shop") == "b").to_dicts()


def test_numbers_continue_the_grid(lives) -> None:
    session = warm(lives["hourly"], HOURLY[:100], adapt=False)
    other = session.fork()
    by_number = [session.push(row["y"]) for row in HOURLY[100:110]][-1]
    by_row = [other.push(row) for row in HOURLY[100:110]][-1]
    assert np.array_equal(by_number.quantiles, by_row.quantiles) and by_number.times == by_row.times
    assert by_row.times[0] == "2015-01-05T14:00:00"


def test_missing_and_left_out_are_one(lives) -> None:
    session = warm(lives["hourly"], HOURLY[:100], adapt=False, plan=True)
    passed = warm(lives["hourly"], HOURLY[:100], adapt=False)
    left_out, blank = session.fork(), session.fork()
    assert [session.push(x).times[0] for x in (None, "NA")] == ["2015-01-05T04:00:00"] * 2
    assert [passed.push(x).times[0] for x in (None, "NA")] == ["2015-01-05T05:00:00", "2015-01-05T06:00:00"]
    blank.observe({"time": HOURLY[100]["time"], "y": ""})
    blank.observe({"time": HOURLY[101]["time"], "y": math.nan})
    answers = [s.push({"time": HOURLY[102]["time"], "y": 11}) for s in (session, passed, left_out, blank)]
    assert answers[0].times[0] == "2015-01-05T07:00:00"
    for answer in answers[1:]:
        assert np.array_equal(answer.quantiles, answers[0].quantiles) and answer.times == answers[0].times


def test_a_long_gap_costs_no_more_than_a_window(lives) -> None:
    session = warm(lives["hourly"], HOURLY)
    answer = session.push({"time": "2990-01-01 05:00", "y": 10.0})
    assert answer.times[0] == "2990-01-01T06:00:00"
    assert session.window.observed[0, session.window.end - 24 : session.window.end, 0].sum() == 1
    assert np.isfinite(answer.quantiles).all()


@pytest.mark.parametrize("hours", [1, 4, 5, 6, 7, 20])
def test_forecasts_from_before_a_gap_meet_only_truths_within_their_horizon(lives, hours: int) -> None:
    live = lives["hourly"]
    session = warm(live, HOURLY[:90])
    for row in HOURLY[90:100]:
        session.push(row)
    session.push(HOURLY[99 + hours])
    made = (np.arange(90, 100) + 1).tolist()
    after = 99 + hours + 1  # rows so far
    # What waits: of each lead, one forecast for each of the rows that it still is to be held against.
    waiting = np.isfinite(session.tracker.waiting[:, 1]).sum()
    expected = sum(min(lead, sum(row + lead > after for row in made) + 1) for lead in range(1, live.chosen.horizon + 1))
    assert waiting == expected


def test_plans_ahead_change_the_forecast(lives) -> None:
    live = lives["shops"]
    session = warm(live, SHOP[:100], id=["b"], adapt=False)
    plain = session.push(SHOP[100])
    plan = [{"time": row["time"], "shop": "b", "price": 9.0, "plan": "a"} for row in SHOP[101:106]]
    planned = [session.push(row) for row in plan][-1]
    assert planned.times == plain.times and not np.array_equal(planned.quantiles, plain.quantiles)
    state = session.state()
    # What was planned counts when its row comes without saying it again.
    said, told = session, live.restore(state)
    for row, ahead in zip(SHOP[101:104], plan, strict=False):
        brief = said.push({"time": row["time"], "y": row["y"], "seen": row["seen"]})
        full = told.push({**row, "price": ahead["price"], "plan": ahead["plan"]})
        assert np.array_equal(brief.quantiles, full.quantiles)


def test_plans_far_ahead_wait(lives) -> None:
    live = lives["shops"]
    early, late = (warm(live, SHOP[:60], id=["b"], adapt=False) for _ in range(2))
    plan = [{name: row[name] for name in ("time", "price", "plan")} for row in SHOP[60:]]
    for row in plan:
        early.observe(row)
    early = live.restore(early.state())
    one = [early.push({name: row[name] for name in ("time", "y", "seen")}) for row in SHOP[60:120]][-1]
    for row in SHOP[60:120]:
        late.observe(row)
    other = [late.push(row) for row in plan[60:65]][-1]
    assert np.array_equal(one.quantiles, other.quantiles)


WRONG = [
    ("hourly", {"time": HOURLY[100]["time"], "y": "many"}, r"y is 'many', which isn't a number"),
    ("hourly", "many", r"y is 'many', which isn't a number"),
    ("hourly", math.inf, r"y is inf; expected a number that 32-bit floats hold"),
    ("hourly", 1e39, "32-bit"),
    ("hourly", 10**400, "32-bit"),
    ("hourly", {"time": HOURLY[100]["time"], "y": "-inf"}, "32-bit"),
    ("hourly", {"time": HOURLY[100]["time"], "units": 3}, r"'units' was pushed; the model knows the columns time, y"),
    ("hourly", {"time": HOURLY[99]["time"], "y": 3}, r"2015-01-05T03:00:00 was pushed, but the series has come to 201"),
    ("hourly", {"time": "2015-01-01", "y": 3}, "Rows come in order of time"),
    ("hourly", {"time": "yesterday", "y": 3}, r"time is 'yesterday', which can't be read as a time; expected one like"),
    ("hourly", {"time": "2015-01-05 03:20", "y": 3}, r"falls into the same step \(1h\)"),
    ("hourly", [1.0, 2.0], r"\[1.0, 2.0\] was pushed; expected a number or a mapping"),
    ("hourly", b"1", "expected a number or a mapping"),
    ("uneven", 3.0, r"needs the time of each row, since rows are unevenly spaced"),
    ("two", 3.0, r"3.0 was pushed; expected a mapping of the columns time, y, z, price"),
    ("hourly", {}, r"\{\} was pushed, which says nothing; expected some of time, y"),
    ("hourly", True, "y is True; expected a number"),
    ("hourly", np.True_, "y is True; expected a number"),
    ("hourly", {"time": HOURLY[100]["time"], "y": False}, "y is False; expected a number"),
    ("shops", {"shop": "b"}, "which says nothing"),
    ("shops", {**SHOP[100], "shop": "c"}, r"row of series 'c' was pushed to the session of series 'b'"),
    ("shops", {**SHOP[100], "kind": "small"}, r"kind has changed within the series"),
    ("shops", {**SHOP[100], "price": "dear"}, r"price is 'dear', which isn't a number"),
]


@pytest.mark.parametrize(("name", "x", "message"), WRONG, ids=[f"{name}-{str(x)[:40]}" for name, x, _ in WRONG])
def test_wrong_pushes_change_nothing(lives, name: str, x: Any, message: str) -> None:
    rows = {"hourly": HOURLY, "uneven": uneven().to_dicts(), "two": two_targets().to_dicts(), "shops": SHOP}[name]
    session = warm(lives[name], rows[:100], id=["b"] if name == "shops" else ())
    before = session.state()
    for act in (session.push, session.observe, session.inside):
        with pytest.raises(DataError, match=message):
            act(x)
    with pytest.raises(DataError, match="push 1: "):
        lives[name].push_many([session.fork(), session], [rows[100], x])
    assert session.state() == before and session.steps == 100


def test_the_first_row_needs_a_time(lives) -> None:
    with pytest.raises(DataError, match=r"without time was pushed; the model needs the time of the first row"):
        lives["hourly"].stream().push(3.0)


def test_too_few_rows(lives) -> None:
    live = lives["order"]
    session = live.stream()
    needs = live.chosen.shortest_history
    with pytest.raises(DataError, match=f"{needs} more rows are needed"):
        session.inside()
    answers = [session.push(3) for _ in range(needs - 1)]
    assert [(answer.ready, answer.needs) for answer in answers] == [(False, left) for left in range(needs - 1, 0, -1)]
    answer = answers[-1]
    assert live.document(answer) == {
        "ready": False,
        "needs": 1,
        "times": [],
        "targets": ["y"],
        "mean": [],
        "quantiles": {f"{level:g}": [] for level in live.chosen.levels},
        "drift": None,
    }
    assert live.rows(session, answer) == []
    assert session.push(3.5).ready


@pytest.mark.parametrize("plan", [False, True])
def test_rows_without_a_target_are_never_enough(lives, plan: bool) -> None:
    live = lives["order"]
    session = live.stream(plan=plan)
    needs = live.chosen.shortest_history
    counted = [session.push(None).needs for _ in range(needs + 5)]
    assert counted == ([needs] * len(counted) if plan else [*range(needs - 1, 0, -1), *[1] * 6])
    answer = session.push(3.0)
    assert answer.ready and answer.times[0] == needs + 6


def test_what_a_row_without_a_target_says_is_an_option(lives) -> None:
    assert [live.stream().options["plan"] for live in lives.values()] == [False, False, False, True, True]
    for plan in (False, True):
        session = warm(lives["two"], two_targets().to_dicts()[:60], plan=plan)
        chosen = {"adapt": True, "learn": False, "plan": plan, "seed": lives["two"].bundle.manifest.config["seed"]}
        for each in (session, session.fork(), lives["two"].restore(session.state())):
            assert each.options == chosen
            row = {**two_targets().to_dicts()[60], "y": None, "z": None}
            assert each.push(row).times[0] == f"2015-01-03T1{2 if plan else 3}:00:00"
    with pytest.raises(ConfigError, match="plan='no'"):
        lives["order"].stream(plan="no")


def test_options_and_names(lives) -> None:
    with pytest.raises(ConfigError, match="temperature: hourly has no such option; it has adapt, learn, seed, plan"):
        lives["hourly"].stream(temperature=3)
    with pytest.raises(ConfigError, match="the model knows a single series"):
        lives["hourly"].stream(id=["a"])
    with pytest.raises(ConfigError, match=r"id has 2 values \(a, b\); expected one for each of shop"):
        lives["shops"].stream(id=["a", "b"])
    with pytest.raises(ConfigError, match="seed=-1"):
        lives["hourly"].stream(seed=-1)
    with pytest.raises(ConfigError, match="adapt='no'"):
        lives["hourly"].stream(adapt="no")


@pytest.mark.parametrize("name", list(CASES))
def test_many_sessions_answer_as_each_alone(lives, name: str) -> None:
    live = lives[name]
    rows = CASES[name].table().to_dicts()
    if name == "shops":
        rows = SHOP
    options = {"id": ["b"]} if name == "shops" else {}
    sessions = [warm(live, rows[:count], **options) for count in (0, 60, 90, 120)]
    counts = [0, 60, 90, 120]
    for _ in range(4):
        xs = [rows[count] for count in counts]
        alone = [session.fork().push(x) for session, x in zip(sessions, xs, strict=True)]
        together = live.push_many(sessions, xs)
        for one, other in zip(alone, together, strict=True):
            assert one.ready == other.ready and one.times == other.times
            assert np.allclose(one.quantiles, other.quantiles, rtol=1e-5, atol=1e-5)
        counts = [count + 1 for count in counts]
    xs = [rows[count] for count in counts]
    assert live.push_many([], []) == []
    with pytest.raises(DataError, match="expected different sessions"):
        live.push_many([sessions[1]] * 2, xs[:2])


@pytest.mark.parametrize("name", list(CASES))
def test_what_is_said_is_json(lives, name: str) -> None:
    live = lives[name]
    rows = SHOP if name == "shops" else CASES[name].table().to_dicts()
    session = warm(live, rows[:80], id=["b"] if name == "shops" else ())
    answer = session.push(rows[80])
    document = json.loads(json.dumps(live.document(answer), allow_nan=False))
    assert document["ready"] and len(document["times"]) == live.chosen.horizon == len(document["mean"])
    assert np.allclose(document["quantiles"]["0.5"], answer.quantiles[..., live.chosen.levels.index(0.5)])
    spec = live.spec()
    assert set(spec.answer["required"]) <= document.keys()
    assert json.loads(json.dumps([spec.push, spec.options, spec.example]))
    fresh = live.stream(id=["a"] if name == "shops" else ())
    fresh.push(spec.example)
    assert set(spec.example) == set(spec.columns)
    if name == "shops":
        assert spec.id_columns == ("shop",)
        assert spec.push["anyOf"][1]["properties"]["plan"]["examples"] == ["a", "b"]


@pytest.mark.parametrize("name", list(CASES))
def test_a_state_is_its_numbers(lives, name: str) -> None:
    live = lives[name]
    rows = SHOP if name == "shops" else CASES[name].table().to_dicts()
    session = warm(live, rows[:30], id=["b"] if name == "shops" else ())
    small = len(session.state())
    for row in rows[30:]:
        session.push(row)
    assert len(session.state()) == small
    window, tracker = session.window, session.tracker
    arrays = [array[:, : window.context] for array in window.arrays]
    arrays += [array[:, : window.context + window.horizon] for array in window.arrays_ahead]
    arrays += [tracker.moved, tracker.waiting, window.steps]
    numbers = sum(array.nbytes for array in arrays) + 8 * (7 * live.frame.targets)
    assert small <= numbers + 256


def test_states_of_others_are_refused(lives) -> None:
    state = warm(lives["hourly"], HOURLY[:30]).state()
    for bad, message in ((state[:-5], "whole copy"), (b"x" + state[1:], "aren't a session's"), (b"", "0 bytes")):
        with pytest.raises(StateError, match=message):
            lives["hourly"].restore(bad)
    with pytest.raises(StateError, match="another model"):
        lives["order"].restore(state)


@pytest.mark.parametrize("name", ["hourly", "order", "uneven", "two"])
def test_states_that_were_made_up_are_refused(lives, name: str) -> None:
    live = lives[name]
    rows = {"order": [3.0] * 60, "two": two_targets().to_dicts(), "uneven": uneven().to_dicts(), "hourly": HOURLY}[name]

    def changed(change: Any) -> bytes:
        session = warm(live, rows[:40])
        change(session)
        return session.state()

    def late(window: Any, time: int) -> None:
        window.time[0, window.end - 1] = time

    changes = [
        lambda session: setattr(session.window, "first", -(2**62)),
        lambda session: setattr(session.window, "first", 2**62),
        lambda session: setattr(session.window, "count", -1),
        lambda session: setattr(session.window, "cursor", -1),
        lambda session: setattr(session, "seed", -1),
        lambda session: late(session.window, 2**62),
        lambda session: late(session.window, -(2**62)),
        lambda session: session.window.seen_at.__setitem__(0, 2**60),
        lambda session: session.window.ago.__setitem__(0, 41),
        lambda session: session.window.planned.__setitem__(
            50,
            session.read({"y": None, **({} if name == "order" else {"time": "2015-02-01"})}).row._replace(time=2**62),
        ),
    ]
    if name == "uneven":
        changes.append(lambda session: session.window.steps.__setitem__(0, -5))
    for change in changes:
        with pytest.raises(StateError, match="doesn't fit the model, though it names it"):
            live.restore(changed(change))
    content = unseal(live.fingerprint, warm(live, rows[:40]).state())
    for broken in (b"", content[:20], b"\x02\x00\xff\xff" + content[2:]):
        with pytest.raises(StateError, match="doesn't fit the model"):
            live.restore(seal(live.fingerprint, broken))
    for state in (live.stream().state(), changed(lambda session: None)):
        assert live.restore(state).state() == state


def test_what_is_no_state_session_or_name_is_said(lives) -> None:
    live = lives["hourly"]
    with pytest.raises(StateError, match="of type NoneType was given; expected the bytes"):
        live.restore(None)
    with pytest.raises(ConfigError, match=r"id=5: expected a list, id=\['5'\]"):
        live.stream(id=5)
    with pytest.raises(ConfigError, match=r"id='b': expected a list"):
        lives["shops"].stream(id="b")
    with pytest.raises(DataError, match="given ForecastSession and dict; expected a list of sessions"):
        live.push_many(live.stream(), HOURLY[0])
    with pytest.raises(DataError, match="given list and dict"):
        live.push_many([live.stream()] * 2, HOURLY[0])
    with pytest.raises(DataError, match="2 sessions and 1 pushes were given"):
        live.push_many([live.stream()] * 2, [HOURLY[0]])


def test_models_and_sessions_say_what_they_are(lives) -> None:
    assert repr(lives["two"]) == "<Forecaster 'two', 5 steps ahead of y, z>"
    assert repr(warm(lives["order"], [1.0] * 12)) == "<session of 'order', 12 steps>"


def test_inside_says_what_a_push_would(lives) -> None:
    session = warm(lives["order"], [row["y"] for row in HOURLY[:60]])
    before = session.state()
    seen = session.inside(11.0)
    assert session.state() == before
    said = session.push(11.0)
    assert np.allclose(seen.answer.quantiles, said.quantiles, rtol=1e-5)
    again = session.inside()
    assert np.allclose(again.answer.quantiles, said.quantiles, rtol=1e-5)
    (trace,) = again.traces
    assert (trace.branch, trace.cell, trace.gates) == ("encoder", "lstm", ("i", "f", "g", "o"))
    steps = lives["order"].chosen.context // lives["order"].chosen.segment
    assert trace.values.shape == (steps, 4, 4) and trace.memory is not None
    shut = session.inside(hold={"f": 0.0})
    assert (shut.traces[0].values[:, 1] == 0).all()
    assert not np.allclose(shut.answer.mean, said.mean)
    session.inside(hold={"g": -1.0, "encoder.0.o": 1})
    beyond: list[Any] = [{"f": value} for value in (-0.1, math.nan, "0", True, None)]
    for hold in (*beyond, {"g": 1.5}, {"encoder.0.f": math.inf}):
        with pytest.raises(ConfigError, match=r"hold has .*; expected a number from (0|-1) to 1"):
            session.inside(hold=hold)
    nothing: Any = 5
    with pytest.raises(ConfigError, match="hold=5: expected gates and their values"):
        session.inside(hold=nothing)


def test_inside_shows_each_target(lives) -> None:
    session = warm(lives["two"], two_targets().to_dicts()[:60])
    seen = session.inside()
    assert [trace.branch for trace in seen.traces] == ["encoder of y", "encoder of z"]
    assert np.allclose(seen.answer.quantiles, session.push({"y": None}).quantiles, rtol=1e-4)


def test_sessions_run_in_parallel(lives) -> None:
    live = lives["hourly"]

    def follow(start: int) -> np.ndarray:
        session = live.stream()
        return np.stack([session.push(row).quantiles for row in HOURLY[start : start + 60]][-20:])

    alone = [follow(start) for start in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(follow, range(4)))
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


def test_absurd_values_pass(lives) -> None:
    session = warm(lives["order"], [row["y"] for row in HOURLY[:60]])
    for value in (3.4e38, -3.4e38, 3e38, 0, 1e-40, *[1e38, -1e38] * 10):
        assert json.dumps(lives["order"].document(session.push(value)), allow_nan=False)
    for row in HOURLY[60:100]:
        answer = session.push(row["y"])
        assert json.dumps(lives["order"].document(answer))
    assert np.isfinite(session.push(10.0).quantiles).all() and np.abs(session.tracker.moved).max() < 100


def test_thousands_marks_and_percent_are_read(lives) -> None:
    sessions = [warm(lives["order"], [row["y"] for row in HOURLY[:60]]) for _ in range(3)]
    answers = [session.push(x) for session, x in zip(sessions, (" 1,234.5 ", 1234.5, "$1234.50"), strict=True)]
    assert all(np.array_equal(answer.quantiles, answers[0].quantiles) for answer in answers)
