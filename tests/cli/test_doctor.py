from __future__ import annotations

import json

from recurra import ops


def test_the_machine_is_described(shell):
    outcome = shell("doctor")
    assert (outcome.code, outcome.err) == (0, "")
    for said in ("This machine", ops.instruction_set(), "Which kernel computes a layer", "LSTM, peepholes"):
        assert said in outcome.out


def test_problems_are_said(shell, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "500")
    assert "OMP_NUM_THREADS=500, but this process may use" in shell("doctor").out


def test_json_is_all_that_is_printed(shell):
    document = json.loads(shell("doctor", "--json").out)
    assert document["instruction_set"] == ops.instruction_set()
    assert {plan["layer"] for plan in document["plans"]} >= {"RNN", "GRU", "LSTM"}
    assert isinstance(document["problems"], list)
