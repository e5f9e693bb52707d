from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from recurra.bench._case import WEIGHTS, Case, Problem
from recurra.bench._layers import NAMES, Layer, state_argument
from recurra.bench._peer import Variant


class PackedLayer(Layer):
    """Rows of different lengths as torch takes them: packed, run, unpacked."""

    def run(self, x: Tensor) -> list[Tensor]:
        assert self.lengths is not None
        packed = pack_padded_sequence(x, self.lengths, enforce_sorted=False)
        output, end = self.module(packed, state_argument(self.state))
        output, _ = pad_packed_sequence(output, total_length=x.shape[0])
        return [output, *(end if isinstance(end, tuple) else (end,))]


class Torch:
    """The layers of torch.nn; for the LSTM, which alone goes through oneDNN, also without it.

    A single row is tried on one thread too: waking another can cost more than it saves.
    """

    def __init__(self, threads: int) -> None:
        torch.set_num_threads(threads)
        self._threads = threads

    def about(self) -> Mapping[str, str]:
        return {"version": torch.__version__}

    def variants(self, case: Case, problem: Problem) -> Mapping[str, Variant]:
        layer = (PackedLayer if case.ragged else Layer)(torch.nn, case, problem)
        if case.mode == "step":
            return self._threaded(case, {"layer": _steps(layer.module, problem, layers=1)})
        layer.module.train(case.mode == "training")
        call = layer.training if case.mode == "training" else layer.forward
        ways = {"packed" if case.ragged else "default": Variant(call, layer.results)}
        if case.cell == "lstm" and not case.ragged:
            ways["without oneDNN"] = Variant(_without_onednn(call), layer.results)
        return self._threaded(case, ways)

    def _threaded(self, case: Case, ways: Mapping[str, Variant]) -> dict[str, Variant]:
        counts = {self._threads, 1} if case.batch == 1 else {self._threads}
        return {
            f"{name}, threads: {count}": Variant(_with_threads(way.call, count), way.results)
            for name, way in ways.items()
            for count in sorted(counts)
        }


class TorchCell(Torch):
    """The cells of torch.nn, which take a single step and cost less to call than a layer."""

    def variants(self, case: Case, problem: Problem) -> Mapping[str, Variant]:
        module = getattr(torch.nn, f"{NAMES[case.cell]}Cell")(case.input_size, case.hidden_size)
        module.load_state_dict(dict(zip(WEIGHTS, map(torch.from_numpy, problem.weights), strict=True)))
        return self._threaded(case, {"cell": _steps(module, problem, layers=0)})


def _with_threads(call: Callable[[], list[Tensor]], count: int) -> Callable[[], list[Tensor]]:
    def run() -> list[Tensor]:
        torch.set_num_threads(count)
        return call()

    return run


def _steps(module: Any, problem: Problem, *, layers: int) -> Variant:
    """One step after the other; a layer wants an axis for time and gives output and state, a cell its state alone."""
    steps = [x[None] if layers else x for x in torch.from_numpy(problem.x)]
    start = [torch.from_numpy(field)[None] if layers else torch.from_numpy(field) for field in problem.state]

    def run() -> list[Tensor]:
        outputs, state = [], state_argument(start)
        with torch.inference_mode():
            for x in steps:
                given = module(x, state)
                output, state = given if layers else (given[0] if isinstance(given, tuple) else given, given)
                outputs.append(output)
        return outputs

    def results(outputs: list[Tensor]) -> dict[str, NDArray[np.float32]]:
        return {"output": torch.stack(outputs).reshape(*problem.x.shape[:2], -1).numpy()}

    return Variant(run, results)


def _without_onednn(call: Callable[[], list[Tensor]]) -> Callable[[], list[Tensor]]:
    def run() -> list[Tensor]:
        # Set by hand: `mkldnn.flags` also sets what this processor lacks, and warns of it.
        switch: Any = torch.backends.mkldnn
        switch.enabled = False
        try:
            return call()
        finally:
            switch.enabled = True

    return run
