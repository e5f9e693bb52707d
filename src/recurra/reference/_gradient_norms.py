"""How the gradient vanishes or explodes on its way back through time.

Hochreiter, "Untersuchungen zu dynamischen neuronalen Netzen", 1991; Bengio, Simard & Frasconi, "Learning long-term
dependencies with gradient descent is difficult", 1994; Pascanu, Mikolov & Bengio, "On the difficulty of training
recurrent neural networks", 2013. A step back multiplies the gradient with the Jacobian ∂h_{t+1}/∂h_t; over many steps
the norm of the product goes to zero or to infinity exponentially, unless the cell has a path, as the LSTM's memory is,
whose factor stays near one.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from recurra.reference._cell import Cell
from recurra.reference._unrolled import asked_of_states


def gradient_norms(
    cell: Cell,
    x: Float[Tensor, "batch time feature"],
    state: Any,
    weights: Any,
    *,
    grad_output: Float[Tensor, "batch hidden"],
) -> Any:
    """The norm of dL/dh_t for t = 0..T, for a loss that looks at the output of the last step only.

    `grad_output` is dL/dh_T: what the loss asks of that output. The result has the type of the state, with fields
    (batch, time + 1): an LSTM also tells |dL/dc_t|.
    """
    output, end, tape = cell.run(x, state, weights)
    at_last = type(end)(grad_output, *(torch.zeros_like(field) for field in end[1:]))
    gradients = cell.backward(tape, weights, asked_of_states(torch.zeros_like(output), at_last))
    return type(end)(*(field.norm(dim=-1) for field in gradients.states))
