"""What a case truly gives: torch in float64."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recurra.bench._case import Case, expected_names, make_problem
from recurra.bench._layers import Layer
from recurra.bench._peer_torch import PackedLayer


class Truth:
    """Writes the truth of one case after the other to files, which every worker reads."""

    def __init__(self, threads: int) -> None:
        torch.set_num_threads(threads)

    def write(self, case: Mapping[str, Any], path: str) -> None:
        """The true results of a case, into a file."""
        write_truth(Case(**case), Path(path))


def write_truth(case: Case, path: Path) -> None:
    """The true results of a case, into an .npz file."""
    results: dict[str, Any] = find_truth(case)
    np.savez(path, **results)


def find_truth(case: Case) -> dict[str, NDArray[np.float64]]:
    """The true results of a case, by name."""
    problem = make_problem(case)
    layer = (PackedLayer if case.ragged else Layer)(torch.nn, case, problem, dtype=torch.float64)
    results = layer.results(layer.training() if case.mode == "training" else layer.forward())
    return {name: np.asarray(results[name], np.float64) for name in expected_names(case)}
