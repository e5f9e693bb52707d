"""Operations: which kernel runs, and the kernels themselves."""

from typing import TYPE_CHECKING

from recurra._lazy import lazy

if TYPE_CHECKING:
    from recurra.ops._cross_entropy import linear_cross_entropy
    from recurra.ops._native import (
        Stream,
        cpu_features,
        has_bfloat16,
        instruction_set,
        instruction_sets,
        peak_gflops,
        steps_since_observed,
        use_instruction_set,
    )
    from recurra.ops._plan import Plan, Precision, plan
    from recurra.ops._recurrent import Recurrence, recurrent
    from recurra.ops._stream import stream

__all__ = [
    "Plan",
    "Precision",
    "Recurrence",
    "Stream",
    "cpu_features",
    "has_bfloat16",
    "instruction_set",
    "instruction_sets",
    "linear_cross_entropy",
    "peak_gflops",
    "plan",
    "recurrent",
    "steps_since_observed",
    "stream",
    "use_instruction_set",
]

# The names are imported when they are asked for: what is compiled works without torch.
__getattr__, __dir__ = lazy(
    __name__,
    {
        "Plan": "recurra.ops._plan",
        "Precision": "recurra.ops._plan",
        "Recurrence": "recurra.ops._recurrent",
        "Stream": "recurra.ops._native",
        "cpu_features": "recurra.ops._native",
        "has_bfloat16": "recurra.ops._native",
        "instruction_set": "recurra.ops._native",
        "instruction_sets": "recurra.ops._native",
        "linear_cross_entropy": "recurra.ops._cross_entropy",
        "peak_gflops": "recurra.ops._native",
        "plan": "recurra.ops._plan",
        "recurrent": "recurra.ops._recurrent",
        "steps_since_observed": "recurra.ops._native",
        "stream": "recurra.ops._stream",
        "use_instruction_set": "recurra.ops._native",
    },
)
