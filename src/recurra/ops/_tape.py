"""What a layer remembers for its way back: its gates, or so little that they are computed again.

The one place that decides between the two.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch

from recurra.errors import ConfigError
from recurra.ops import _native

# Below this, a tape is never too large; asking the system how much memory is free takes longer than a short sequence.
_NEVER_TOO_LARGE = 2**26
# Where the system doesn't say what is free.
_MODEST = 2**30


@torch.compiler.assume_constant_result
def tape_width(cell: str, hidden: int, recompute: bool) -> int:
    """How many floats a layer remembers of one step of one row, at most."""
    return _native.tape_size((cell, 1, hidden), (1, 1, 1, 0, 0, 0), recompute)


@torch.compiler.assume_constant_result
def tape_bound() -> int | None:
    """The bytes of the largest tape that holds the gates, from RECURRA_TAPE_BYTES; None if it isn't set."""
    given = os.environ.get("RECURRA_TAPE_BYTES")
    if given is None:
        return None
    if not given.isdecimal():
        raise ConfigError(f"RECURRA_TAPE_BYTES={given!r}: expected a whole number of bytes, such as 1000000000.")
    return int(given)


@torch.compiler.assume_constant_result
def free_memory() -> int:
    """The bytes that the system could give without swapping; a guess where it doesn't say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 4 * _MODEST
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")), 4 * _MODEST)


def recomputes(cell: str, hidden: int, rows: int) -> bool:
    """Whether gates are computed again on the way back, since those of so many rows of all steps would take too much.

    Too much is more than RECURRA_TAPE_BYTES, or if that isn't set, than a quarter of the memory that is free.
    """
    size = 4 * rows * tape_width(cell, hidden, False)
    bound = tape_bound()
    if bound is not None:
        return size > bound
    return size > _NEVER_TOO_LARGE and size > free_memory() // 4
