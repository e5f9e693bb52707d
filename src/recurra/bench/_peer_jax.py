from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recurra.bench._case import GRADIENTS, STATE, Case, Cell, Problem
from recurra.bench._peer import Variant
from recurra.errors import require

# How many steps lax.scan writes out in a row.
UNROLL = (1, 2, 4)


class Jax:
    """JAX: lax.scan under jit, with the product with the input taken for all steps at once."""

    def __init__(self, threads: int) -> None:
        # There is no other way to tell XLA how many threads it has on a processor; it reads this as it starts.
        os.environ["NPROC"] = str(threads)
        os.environ["JAX_PLATFORMS"] = "cpu"
        self._jax = require("jax", extra="bench")

    def about(self) -> Mapping[str, str]:
        return {"version": self._jax.__version__}

    def variants(self, case: Case, problem: Problem) -> Mapping[str, Variant]:
        make = self._training if case.mode == "training" else self._forward
        return {f"unroll={unroll}": make(case, problem, unroll) for unroll in UNROLL}

    def _forward(self, case: Case, problem: Problem, unroll: int) -> Variant:
        jax = self._jax
        x, weights, state = jax.device_put((problem.x, problem.weights, problem.state))
        run = jax.jit(self._layer(case.cell, unroll))

        def results(given: Any) -> dict[str, NDArray[np.floating]]:
            end, output = given
            return {"output": np.asarray(output)} | dict(zip(STATE[case.cell], map(np.asarray, end), strict=True))

        return Variant(lambda: jax.block_until_ready(run(x, weights, state)), results)

    def _training(self, case: Case, problem: Problem, unroll: int) -> Variant:
        jax = self._jax
        layer = self._layer(case.cell, unroll)
        x, weights, state, cotangents = jax.device_put((problem.x, problem.weights, problem.state, problem.cotangents))

        def loss(x: Any, weights: Any) -> Any:
            end, output = layer(x, weights, state)
            pairs = zip((output, *end), cotangents, strict=True)
            return sum((result * cotangent).sum() for result, cotangent in pairs), (end, output)

        run = jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))

        def results(given: Any) -> dict[str, NDArray[np.floating]]:
            (_, (end, output)), (of_x, of_weights) = given
            gradients = zip(GRADIENTS, (of_x, *of_weights), strict=True)
            found = {"output": output} | dict(zip(STATE[case.cell], end, strict=True)) | dict(gradients)
            return {name: np.asarray(array) for name, array in found.items()}

        return Variant(lambda: jax.block_until_ready(run(x, weights)), results)

    def _layer(self, cell: Cell, unroll: int) -> Callable[..., Any]:
        step = getattr(self, f"_{cell}")

        def layer(x: Any, weights: Any, state: Any) -> Any:
            weight_ih, weight_hh, bias_ih, bias_hh = weights
            from_input = x @ weight_ih.T + bias_ih

            def one(state: Any, gates: Any) -> Any:
                return step(gates, state[0] @ weight_hh.T + bias_hh, *state)

            return self._jax.lax.scan(one, state, from_input, unroll=unroll)

        return layer

    def _rnn(self, from_input: Any, from_state: Any, h: Any) -> Any:
        h = self._jax.numpy.tanh(from_input + from_state)
        return (h,), h

    def _gru(self, from_input: Any, from_state: Any, h: Any) -> Any:
        numpy, sigmoid = self._jax.numpy, self._jax.nn.sigmoid
        input_r, input_z, input_n = numpy.split(from_input, 3, axis=-1)
        state_r, state_z, state_n = numpy.split(from_state, 3, axis=-1)
        r, z = sigmoid(input_r + state_r), sigmoid(input_z + state_z)
        n = numpy.tanh(input_n + r * state_n)
        h = (1 - z) * n + z * h
        return (h,), h

    def _lstm(self, from_input: Any, from_state: Any, h: Any, c: Any) -> Any:
        numpy, sigmoid = self._jax.numpy, self._jax.nn.sigmoid
        i, f, g, o = numpy.split(from_input + from_state, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * numpy.tanh(g)
        h = sigmoid(o) * numpy.tanh(c)
        return (h, c), h
