"""How far two computations of the same number may lie apart, by dtype and by what was computed.

| class     | reason                                                                                             |
|-----------|----------------------------------------------------------------------------------------------------|
| run       | sums of at most 64 products in another order, over at most 5 steps: some tens of rounding errors   |
| gradient  | the same on the way back, summed once more over batch and time                                     |
| by hand   | a few operations on numbers of size 1 to 10                                                        |

A change to this table is a commit of its own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

TOLERANCES = {
    (torch.float64, "run"): 1e-13,
    (torch.float64, "gradient"): 1e-12,
    (torch.float64, "by hand"): 1e-14,
    (torch.float32, "run"): 2e-6,
    (torch.float32, "gradient"): 1e-5,
}


def assert_close(actual: Any, expected: Any, what: str = "run") -> None:
    """Tensors, or tuples of tensors of any depth, are equal up to the tolerance of `what`."""
    if isinstance(expected, Tensor):
        tolerance = TOLERANCES[expected.dtype, what]
        torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)
        return
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        assert_close(one, other, what)
