from __future__ import annotations

from typing import Any

import pytest

from bench.fake_peers import Broken, Honest, Lying, Tiring, TwoWays
from recurra.bench import Case
from recurra.bench._peers import PEERS, Source, find_peers
from recurra.bench._run import measure
from recurra.bench._truth import Truth
from recurra.bench._worker import Measured
from recurra.errors import ConfigError

CASE = Case("rnn", 5, 3, 2, 4, "forward")


class Here:
    """A worker without a process: fails as one does, and answers when it is asked to."""

    restless = False

    def __init__(self, handler: Any) -> None:
        self.handler = handler

    def send(self, do: str, **arguments: Any) -> None:
        self.waiting = do, arguments

    def receive(self) -> Any:
        from recurra.bench._pipe import WorkerFailed

        do, arguments = self.waiting
        try:
            return getattr(self.handler, do)(**arguments)
        except Exception as error:
            raise WorkerFailed(str(error)) from error

    def ask(self, do: str, **arguments: Any) -> Any:
        self.send(do, **arguments)
        return self.receive()


def measured(monkeypatch: pytest.MonkeyPatch, **peers: Any) -> Any:
    monkeypatch.setattr("recurra.bench._run.ROUND_SECONDS", 1e-4)
    workers: Any = {
        Source(name, "", (), lambda case: case.mode == "forward"): Here(Measured(peer)) for name, peer in peers.items()
    }
    truth: Any = Here(Truth(1))
    return measure(CASE, workers, truth, rounds=3)


def test_right_results_are_timed_round_by_round(monkeypatch):
    found = measured(monkeypatch, recurra=Honest(1), torch=Honest(1))
    assert found.failures == {}
    assert {name: len(timing.seconds) for name, timing in found.timings.items()} == {"recurra": 3, "torch": 3}
    assert found.ratio("torch") is not None
    assert found.timings["torch"].deviations["output"].largest < 1e-6


def test_a_wrong_result_has_no_speed(monkeypatch):
    found = measured(monkeypatch, recurra=Honest(1), torch=Lying(1))
    assert found.timings.keys() == {"recurra"}
    assert found.failures["torch"].startswith("output is off by 1.")
    assert found.best is None


def test_a_wrong_setting_is_said_though_another_is_right(monkeypatch):
    found = measured(monkeypatch, recurra=Honest(1), torch=TwoWays(1))
    assert found.timings["torch"].setting == "right"
    assert found.failures.keys() == {"torch (fast and wrong)"}


def test_a_result_that_goes_wrong_while_timed_has_no_speed(monkeypatch):
    found = measured(monkeypatch, recurra=Tiring(1), torch=Honest(1))
    assert found.timings.keys() == {"torch"}
    assert "is off by 1.0e+00" in found.failures["recurra"]
    assert found.time is found.gflops is found.ratio("torch") is None


def test_a_peer_that_fails_fails_alone(monkeypatch):
    found = measured(monkeypatch, recurra=Honest(1), jax=Broken(1))
    assert found.timings.keys() == {"recurra"}
    assert found.failures == {"jax": "no such\nlayer"}


def test_peers_are_ours_first_and_those_asked_for():
    sources, _ = find_peers(["torch"])
    assert [source.name for source in sources] == ["recurra", "float32", "padded", "torch", "torch-cell"]


def test_a_peer_that_is_not_installed_is_listed(monkeypatch):
    monkeypatch.setattr("recurra.bench._peers.find_spec", lambda module: None if module == "onnx" else object())
    sources, lacking = find_peers(PEERS)
    assert [source.name for source in sources] == ["recurra", "float32", "padded", "torch", "torch-cell", "jax"]
    assert lacking["onnxruntime"] == "onnx isn't installed: pip install 'recurra[bench]'"


def test_an_unknown_peer_is_refused():
    with pytest.raises(ConfigError, match=r"no peer 'tensorflow'\. Choose among torch, onnxruntime"):
        find_peers(["tensorflow"])
