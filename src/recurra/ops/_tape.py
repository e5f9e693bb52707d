"""What a layer remembers for its way back: its gates, or so little that they are computed again.

The one place that decides between the two.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import torch
from torch import Tensor

from recurra.errors import ConfigError
from recurra.ops import _native

_GIVEN = os.environ.get("RECURRA_TAPE_BYTES")
# Below this, a tape is never too large; asking the system how much memory is free takes longer than a short sequence.
_NEVER_TOO_LARGE = 2**26
# Where the system doesn't say what is free.
_MODEST = 2**32
# Smaller ones the C library keeps as well; above 32 MiB it gives all back to the system.
_WORTH_KEEPING = 2**21


def tape_width(cell: str, hidden: int, recompute: bool) -> int:
    """How many floats a layer remembers of one step of one row."""
    return _native.tape_size((cell, 1, hidden, False), (1, 1, 1, 0, 0, 0), recompute)


def new_tape(shape: tuple[int, ...]) -> Tensor:
    """Memory for a tape, uninitialised; a large one is kept for the next call once nobody holds it any more."""
    count = math.prod(shape)
    if 4 * count < _WORTH_KEEPING:
        return torch.empty(shape, dtype=torch.float32)
    return torch.from_numpy(_native.kept_floats(count)).view(shape)


def recomputes(cell: str, hidden: int, rows: int) -> bool:
    """Whether gates are computed again on the way back, since those of so many rows of all steps would take too much.

    Too much is more than the environment variable RECURRA_TAPE_BYTES says, if it is set when recurra is imported, or
    else more than a quarter of the memory that is free.
    """
    size = 4 * rows * tape_width(cell, hidden, False)
    if _GIVEN is not None:
        return size > _bytes(_GIVEN)
    return size > _NEVER_TOO_LARGE and size > free_memory() // 4


def _bytes(given: str) -> int:
    if not given.isdecimal():
        raise ConfigError(f"RECURRA_TAPE_BYTES={given!r}: expected a whole number of bytes, such as 1000000000.")
    return int(given)


def free_memory() -> int:
    """The bytes that the system could give without swapping; a guess where it doesn't say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return _MODEST
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")), _MODEST)
