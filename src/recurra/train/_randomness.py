"""The global random numbers of torch, numpy and Python: seeded together, kept, and put back."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def seed_randomness(seed: int) -> None:
    """Start torch's, numpy's and Python's global random numbers from `seed`."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def capture_randomness() -> dict[str, Any]:
    """Where the global random numbers stand, as tensors and plain numbers."""
    numbers: dict[str, Any] = np.random.get_state(legacy=False)  # pyright: ignore[reportAssignmentType]
    assert numbers["bit_generator"] == "MT19937"
    keys, position = numbers["state"]["key"], numbers["state"]["pos"]
    version, internal, next_gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "numpy": [
            torch.from_numpy(keys.astype(np.int64)),
            int(position),
            int(numbers["has_gauss"]),
            float(numbers["gauss"]),
        ],
        "python": [version, torch.tensor(internal, dtype=torch.int64), next_gauss],
    }


def restore_randomness(state: dict[str, Any]) -> None:
    """Put the global random numbers back to where `capture_randomness` saw them."""
    torch.set_rng_state(state["torch"])
    keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state(("MT19937", keys.numpy().astype(np.uint32), position, has_gauss, gauss))
    version, internal, next_gauss = state["python"]
    random.setstate((version, tuple(internal.tolist()), next_gauss))
