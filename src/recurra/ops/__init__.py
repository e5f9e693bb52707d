"""Operations: which kernel runs, and the kernels themselves."""

from recurra.ops._native import cpu_features, steps_since_observed

__all__ = ["cpu_features", "steps_since_observed"]
