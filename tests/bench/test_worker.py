from __future__ import annotations

import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from bench.fake_peers import Broken, Honest, Lying, TwoWays
from recurra.bench import Case
from recurra.bench._pipe import Worker, WorkerFailed
from recurra.bench._timing import settle, time_calls
from recurra.bench._truth import write_truth
from recurra.bench._worker import Measured, serve

CASE = Case("rnn", 5, 3, 2, 4, "forward")


@pytest.fixture
def truth(tmp_path) -> str:
    write_truth(CASE, tmp_path / "truth.npz")
    return str(tmp_path / "truth.npz")


def answers(peer: Any, *requests: dict[str, Any]) -> list[Any]:
    written = io.StringIO()
    serve(Measured(peer), io.StringIO("".join(json.dumps(request) + "\n" for request in requests)), written)
    return [json.loads(line) for line in written.getvalue().splitlines()]


def prepare(truth: str) -> dict[str, Any]:
    return {"do": "prepare", "with": {"case": asdict(CASE), "truth": truth}}


CHOOSE: dict[str, Any] = {"do": "choose", "with": {}}
TIME: dict[str, Any] = {"do": "time", "with": {"repetitions": 3}}
CHECK: dict[str, Any] = {"do": "check", "with": {}}


def test_a_case_is_prepared_chosen_timed_and_checked_again(truth):
    prepared, chosen, timed, checked = answers(Honest(1), prepare(truth), CHOOSE, TIME, CHECK)
    assert prepared["answer"]["numpy"]["faults"] == {}
    assert prepared["answer"]["numpy"]["deviations"].keys() == {"output", "h"}
    assert chosen["answer"]["setting"] == "numpy"
    assert len(timed["answer"]) == 3
    assert min(timed["answer"]) > 0
    assert checked["answer"]["faults"] == {}


def test_a_wrong_result_can_not_be_timed(truth):
    prepared, chosen, timed = answers(Lying(1), prepare(truth), CHOOSE, TIME)
    assert prepared["answer"]["numpy"]["faults"] == {"output": pytest.approx(0.01, rel=0.5)}
    assert "no variant was prepared" in chosen["error"]
    assert "answer" not in timed


def test_of_two_settings_the_wrong_one_is_dropped(truth):
    prepared, chosen = answers(TwoWays(1), prepare(truth), CHOOSE)
    assert [bool(way["faults"]) for way in prepared["answer"].values()] == [True, False]
    assert chosen["answer"]["setting"] == "right"


def test_an_error_is_an_answer_of_one_line(truth):
    (failed,) = answers(Broken(1), prepare(truth))
    assert failed["error"] == "NotImplementedError: no such layer"


def test_calls_before_the_timed_ones_are_not_counted():
    calls: list[int] = []
    seconds, last = time_calls(lambda: calls.append(0) or len(calls), 4)
    assert len(seconds) == 4
    assert last == len(calls) > 4


def test_a_quiet_process_is_asleep():
    assert settle()


def test_a_worker_works_in_a_process_of_its_own(truth, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    with Worker("bench.fake_peers:Honest", 3) as worker:
        assert worker.ask("about") == {"version": "1", "threads": "3"}
        worker.ask("prepare", case=asdict(CASE), truth=truth)
        worker.ask("choose")
        assert len(worker.ask("time", repetitions=2)) == 2
        with pytest.raises(WorkerFailed, match="AttributeError"):
            worker.ask("sing")
        assert worker.ask("peak", seconds=2) == 200


def test_a_worker_that_ends_says_what_it_said_last(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    with Worker("bench.fake_peers:Fatal", 1) as worker:
        with pytest.raises(WorkerFailed, match="ended with code 3: out of luck"):
            worker.ask("about")
        with pytest.raises(WorkerFailed, match="ended with code 3"):
            worker.ask("about")
