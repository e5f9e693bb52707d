"""Operations: which kernel runs, and the kernels themselves."""

from typing import TYPE_CHECKING

from recurra._lazy import lazy

if TYPE_CHECKING:
    from recurra.ops._native import cpu_features, steps_since_observed
    from recurra.ops._plan import Plan, plan
    from recurra.ops._recurrent import Recurrence, recurrent

__all__ = ["Plan", "Recurrence", "cpu_features", "plan", "recurrent", "steps_since_observed"]

# The names are imported when they are asked for: what is compiled works without torch.
__getattr__, __dir__ = lazy(
    __name__,
    {
        "Plan": "recurra.ops._plan",
        "Recurrence": "recurra.ops._recurrent",
        "cpu_features": "recurra.ops._native",
        "plan": "recurra.ops._plan",
        "recurrent": "recurra.ops._recurrent",
        "steps_since_observed": "recurra.ops._native",
    },
)
