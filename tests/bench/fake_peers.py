"""Peers without a runtime behind them, to see what becomes of right and of wrong results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from recurra.bench._case import Case, Problem
from recurra.bench._peer import Variant


class Honest:
    """A simple recurrent network, forwards, in numpy."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def about(self) -> Mapping[str, str]:
        print("what a runtime prints must not disturb the answers")
        return {"version": "1", "threads": str(self.threads)}

    def peak(self, seconds: float) -> float:
        return 100 * seconds

    def variants(self, case: Case, problem: Problem) -> Mapping[str, Variant]:
        return {"numpy": Variant(lambda: self.run(problem), self.results)}

    def run(self, problem: Problem) -> list[np.ndarray]:
        weight_ih, weight_hh, bias_ih, bias_hh = problem.weights
        (h,), outputs = problem.state, []
        for x in problem.x:
            h = np.tanh(x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh)
            outputs.append(h)
        return outputs

    def results(self, outputs: list[np.ndarray]) -> Mapping[str, np.ndarray]:
        return {"output": np.stack(outputs), "h": outputs[-1]}


class Lying(Honest):
    """Fast, and wrong in one number."""

    def results(self, outputs: list[np.ndarray]) -> Mapping[str, np.ndarray]:
        found = {name: array.copy() for name, array in super().results(outputs).items()}
        found["output"][-1, 0, 0] += 0.01
        return found


class Tiring(Honest):
    """Right at first; after a few calls it no longer computes anything."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self.calls = 0

    def run(self, problem: Problem) -> list[np.ndarray]:
        self.calls += 1
        outputs = super().run(problem)
        return outputs if self.calls < 3 else [0 * h for h in outputs]


class TwoWays(Lying):
    """One setting is wrong, another one right."""

    def variants(self, case: Case, problem: Problem) -> Mapping[str, Variant]:
        right = Honest(self.threads).variants(case, problem)["numpy"]
        return {"fast and wrong": super().variants(case, problem)["numpy"], "right": right}


class Broken(Honest):
    """Can't do this case."""

    def variants(self, case: Case, problem: Problem) -> Mapping[str, Variant]:
        raise NotImplementedError("no such\nlayer")


class Fatal:
    """Takes its process with it."""

    def __init__(self, threads: int) -> None:
        pass

    def about(self) -> Any:
        import os
        import sys

        print("out of luck", file=sys.stderr, flush=True)
        os._exit(3)
