"""Each peer that is installed gives what torch gives in float64: for every cell, in everything it can do."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from recurra.bench import CELLS, Case
from recurra.bench._case import make_problem
from recurra.bench._check import compare, faults
from recurra.bench._peer_ours import Float32, Ours, Padded
from recurra.bench._peer_torch import Torch, TorchCell
from recurra.bench._peers import FLOAT32, OURS, PADDED, Source, find_peers
from recurra.bench._pipe import Worker
from recurra.bench._truth import find_truth, write_truth
from recurra.bench._worker import Measured
from recurra.reference import GRU_RESET_AFTER, LSTM, rnn

SOURCES, _ = find_peers()
HERE = {OURS: Ours, FLOAT32: Float32, PADDED: Padded, "torch": Torch, "torch-cell": TorchCell}
CASES = [
    *(
        Case(cell, 6, 3, 2, 5, mode, ragged)
        for cell in CELLS
        for mode in ("forward", "training")
        for ragged in (False, True)
    ),
    *(Case(cell, 6, 1, 2, 5, "step") for cell in CELLS),
    *(Case(cell, 6, 3, 16, 64, mode, precision="bf16") for cell in CELLS for mode in ("forward", "training")),
]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("source", [source for source in SOURCES if source.name in HERE], ids=lambda s: s.name)
def test_ours_and_torch_are_right(source: Source, case: Case):
    if source.can(case):
        variants = HERE[source.name](1).variants(case, make_problem(case))
        assert variants
        for variant in variants.values():
            variant.call()
            found = compare(case, variant.results(variant.call()), find_truth(case))
            assert faults(found, case.precision if source.name == OURS else "float32") == {}


@pytest.mark.slow
@pytest.mark.parametrize("source", [source for source in SOURCES if source.name not in HERE], ids=lambda s: s.name)
def test_other_runtimes_are_right_and_leave_no_trace(source: Source, tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    with Worker(source.home, 1) as worker:
        assert worker.ask("about")["version"]
        for case in CASES:
            if source.can(case):
                write_truth(case, tmp_path / "truth.npz")
                variants = worker.ask("prepare", case=asdict(case), truth=str(tmp_path / "truth.npz"))
                assert variants
                assert not any(checked["faults"] for checked in variants.values()), (case, variants)
                worker.ask("choose")
                worker.ask("time", repetitions=2)
                assert worker.ask("check")["faults"] == {}
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(("cell", "equations"), [("rnn", rnn("tanh")), ("gru", GRU_RESET_AFTER), ("lstm", LSTM)])
def test_the_truth_is_that_of_the_equations(cell, equations):
    """A witness beside torch, which is both measured and the measure."""
    import torch

    case = Case(cell, 4, 2, 3, 5, "forward")
    problem = make_problem(case)
    weights = equations.weights(*(torch.from_numpy(array).double() for array in problem.weights))
    state = equations.state(*(torch.from_numpy(array).double() for array in problem.state))
    outputs = []
    for x in torch.from_numpy(problem.x).double():
        output, state = equations.step(x, state, weights)
        outputs.append(output)
    truth = find_truth(case)
    np.testing.assert_allclose(torch.stack(outputs).numpy(), truth["output"], atol=1e-12)
    np.testing.assert_allclose(state.h.numpy(), truth["h"], atol=1e-12)


def test_a_worker_of_ours_knows_the_peak():
    assert Measured(Ours(1)).peak(0.01) > 0.1
