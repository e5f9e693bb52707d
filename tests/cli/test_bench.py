from __future__ import annotations

import json
from typing import Any

import pytest

import recurra.bench
from bench.reports import RUN, report
from recurra.bench._results import Run


@pytest.fixture
def asked(monkeypatch) -> list[dict[str, Any]]:
    """What the command asked to be measured; the answer is a report that is right in everything."""
    calls: list[dict[str, Any]] = []
    sound = Run(tuple(m for m in RUN.measurements if not m.failures), RUN.peak)

    def run_bench(cases: Any, *, announce: Any, **options: Any) -> Any:
        calls.append({"cases": cases, **options})
        announce(0, len(cases), str(cases[0]))
        return report(sound)

    monkeypatch.setattr(recurra.bench, "run_bench", run_bench, raising=False)
    return calls


def test_tables_and_the_bar_are_printed(shell, asked):
    outcome = shell("bench", "--quick", "--cells", "gru,lstm", "--peers", "torch", "--threads", "3")
    assert outcome.code == 0
    for said in ("Abacus, 2 cores", "gru T10-B32-I256-H256", "4 4.00x", "The bar", "openvino was left out"):
        assert said in outcome.out
    (call,) = asked
    assert {case.cell for case in call["cases"]} == {"gru", "lstm"}
    assert (call["peers"], call["threads"], call["repeat"]) == (("torch",), 3, 1)
    assert outcome.err == f"1/{len(call['cases'])} {call['cases'][0]}\n"


def test_json_is_all_that_is_printed(shell, asked):
    outcome = shell("bench", "--only", "T37-B7-I13-H17", "--json", "--quiet", "--repeat", "3")
    assert (outcome.code, outcome.err) == (0, "")
    document = json.loads(outcome.out)
    assert document["threads"] == 2
    assert document["results"][0]["size"] == "T10-B32-I256-H256"
    assert {case.size for case in asked[0]["cases"]} == {"T37-B7-I13-H17"}
    assert asked[0]["repeat"] == 3


def test_page_and_picture_are_written(shell, asked):
    outcome = shell("bench", "--html", "page.html", "--plot", "plot.svg")
    assert outcome.code == 0
    assert "<h2>The bar</h2>" in (shell.folder / "page.html").read_text(encoding="utf-8")
    assert "<svg" in (shell.folder / "plot.svg").read_text(encoding="utf-8")


def test_a_wrong_result_is_no_success(shell, asked, monkeypatch):
    monkeypatch.setattr(recurra.bench, "run_bench", lambda *_, **__: report(RUN))
    outcome = shell("bench", "--quiet")
    assert outcome.code == 2
    assert "FAILED" in outcome.out
    assert outcome.err.startswith(
        "1 of the results were wrong or missing, such as lstm T10-B32-I256-H256 forward, jax:"
    )


@pytest.mark.slow
def test_one_small_configuration_is_measured(shell):
    only = ("--only", "T37-B7-I13-H17", "--cells", "gru", "--peers", "torch", "--threads", "1")
    outcome = shell("bench", "--quick", *only, "--json", "--quiet")
    assert (outcome.code, outcome.err) == (0, "")
    document = json.loads(outcome.out)
    assert [result["section"] for result in document["results"]] == ["forward", "training"]
    assert document["peers"].keys() == {"recurra", "torch"}
    assert document["threads"] == 1
    assert document["peak_gflops"] > max(result["gflops"] for result in document["results"]) > 0
    for result in document["results"]:
        assert result["peers"].keys() == {"recurra", "torch"}
        assert all(len(peer["rounds"]) == 5 for peer in result["peers"].values())


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--cells", "mlp"], "There is no cell 'mlp'"),
        (["--only", "T1"], "There is no size 'T1'"),
        (["--sections", "x"], "There is no section 'x'"),
        (["--threads", "0"], "--threads"),
        (["--html", "nowhere/page.html"], "nowhere: no such folder"),
        (["--plot", "plot.txt"], "--plot plot.txt"),
    ],
)
def test_what_can_not_be_done_is_said_before_any_work(shell, asked, arguments, complaint):
    outcome = shell("bench", *arguments)
    assert (outcome.code, outcome.out, asked) == (2, "", [])
    assert complaint in outcome.err
