from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import recurra
from recurra import nn, ops
from recurra.bench._case import Case, Problem
from recurra.bench._layers import Layer
from recurra.bench._peer import Variant


class Ours:
    """The layers of `recurra.nn`, as a user has them: by the kernel that `recurra.ops` plans."""

    def __init__(self, threads: int) -> None:
        torch.set_num_threads(threads)
        self._threads = threads

    def about(self) -> Mapping[str, str]:
        return {"version": recurra.__version__, "instruction set": ops.instruction_set()}

    def peak(self, seconds: float) -> float:
        """Multiply-adds from registers, in 10^9 operations a second: what nothing on this machine exceeds."""
        return ops.peak_gflops(self._threads, seconds)

    def variants(self, case: Case, problem: Problem) -> Mapping[str, Variant]:
        layer = Layer(nn, case, problem)
        module: Any = layer.module
        if case.mode == "step":
            return {"stream": _stream(module, problem)}
        module.train(case.mode == "training")
        module.precision = case.precision
        call = layer.training if case.mode == "training" else layer.forward
        plan = module.plan(steps=case.time, rows=case.batch)
        setting = plan.kernel if case.precision == "float32" else f"{plan.kernel}, {case.precision}"
        return {setting: Variant(call, layer.results)}


class Float32(Ours):
    """Ours with products of float32, whatever the case asks for."""

    def variants(self, case: Case, problem: Problem) -> Mapping[str, Variant]:
        return super().variants(replace(case, precision="float32"), problem)


class Padded(Ours):
    """Ours without being told the lengths: every row is run to its padded end, and what lies beyond is cut off."""

    def variants(self, case: Case, problem: Problem) -> Mapping[str, Variant]:
        layer = Layer(nn, case, problem._replace(lengths=None))
        layer.module.train(case.mode == "training")
        assert problem.lengths is not None
        beyond = np.arange(case.time)[:, None, None] >= problem.lengths[:, None]

        def results(given: Any) -> dict[str, NDArray[np.floating]]:
            found = dict(layer.results(given))
            return found | {"output": np.where(beyond, 0, found["output"])}

        return {"padded": Variant(layer.training if case.mode == "training" else layer.forward, results)}


def _stream(module: Any, problem: Problem) -> Variant:
    """One step after the other, arrays in, arrays out."""
    steps = list(problem.x)
    stream = module.stream(rows=problem.x.shape[1])

    def run() -> list[NDArray[np.float32]]:
        stream.reset()
        return [stream.step(x) for x in steps]

    return Variant(run, lambda outputs: {"output": np.stack(outputs)})
