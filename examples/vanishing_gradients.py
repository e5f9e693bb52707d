"""How far back does a recurrent network feel its mistakes?

The loss looks at the last of 100 steps only. How large is its gradient at the steps before? For each cell, with random
weights as they are before training, the norm of dL/dh_t (for the LSTM dL/dc_t, its memory) is measured by
`recurra.reference.gradient_norms`, averaged over 32 random sequences in logarithms, and set to 1 at the last step.

    python examples/vanishing_gradients.py [picture.png]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import torch
from torch import Tensor

from recurra import reference

BATCH, TIME, FEATURES, HIDDEN = 32, 100, 8, 64


def initial_weights(cell: reference.Cell, *, scale: float = 1.0, forget_bias: float = 0.0) -> reference.Weights:
    """Weights as torch draws them, the recurrent ones times `scale`; the LSTM's forget gate opened by `forget_bias`."""
    rows, bound = cell.gates * HIDDEN, HIDDEN**-0.5
    weight_ih = torch.empty(rows, FEATURES).uniform_(-bound, bound)
    weight_hh = torch.empty(rows, HIDDEN).uniform_(-bound, bound) * scale
    bias = torch.zeros(rows)
    bias[HIDDEN : 2 * HIDDEN] = forget_bias
    return reference.Weights(weight_ih, weight_hh, bias, torch.zeros(rows))


def measured(cell: reference.Cell, weights: reference.Weights, field: str = "h") -> Tensor:
    """The typical norm of the gradient at steps 1 to T, relative to that at step T."""
    x = torch.randn(BATCH, TIME, FEATURES)
    state = cell.state(*(torch.zeros(BATCH, HIDDEN) for _ in cell.state._fields))
    asked = torch.randn(BATCH, HIDDEN)
    norms = getattr(reference.gradient_norms(cell, x, state, weights, grad_output=asked), field)[:, 1:]
    typical = norms.log().mean(dim=0).exp()
    return typical / typical[-1]


def measure() -> dict[str, Tensor]:
    """One curve for each cell."""
    torch.manual_seed(0)
    # float32 ends at 1e-38, which some of these reach.
    torch.set_default_dtype(torch.float64)
    tanh, relu, sigmoid = (reference.rnn(name) for name in ("tanh", "relu", "sigmoid"))
    lstm, gru = reference.LSTM, reference.GRU_RESET_AFTER
    return {
        "RNN, sigmoid": measured(sigmoid, initial_weights(sigmoid)),
        "RNN, relu": measured(relu, initial_weights(relu)),
        "RNN, tanh": measured(tanh, initial_weights(tanh)),
        "RNN, relu, weights x 3": measured(relu, initial_weights(relu, scale=3.0)),
        "GRU": measured(gru, initial_weights(gru)),
        "LSTM": measured(lstm, initial_weights(lstm), "c"),
        "LSTM, forget gate at 0.95": measured(lstm, initial_weights(lstm, forget_bias=3.0), "c"),
    }


def print_table(curves: dict[str, Tensor], steps_back: Sequence[int] = (0, 5, 10, 20, 50, 99)) -> None:
    """Each cell's gradient so many steps before the last."""
    print(f"{'steps before the last':26}" + "".join(f"{back:>10}" for back in steps_back))
    for name, curve in curves.items():
        print(f"{name:26}" + "".join(f"{float(curve[-1 - back]):>10.1e}" for back in steps_back))


def draw(curves: dict[str, Tensor], path: Path) -> None:
    """The same as a picture."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(10, 5), layout="constrained")
    for name, curve in curves.items():
        axes.semilogy(range(TIME - 1, -1, -1), curve, label=name, linewidth=2)
    axes.set_ylim(1e-20, 1e12)
    axes.invert_xaxis()
    axes.set_xlabel("steps before the last, which alone the loss looks at")
    axes.set_ylabel("norm of the gradient, 1 at the last step")
    axes.set_title("Gradients vanish or explode on their way back, before any training")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper")
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure, print and draw."""
    # Matrices this small gain nothing from threads.
    torch.set_num_threads(1)
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "vanishing_gradients.png")
    curves = measure()
    print_table(curves)
    draw(curves, path)
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
