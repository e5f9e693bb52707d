from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def zeros_kept(network: nn.Module, *, keep: bool = True) -> Iterator[None]:
    """Hold zeros of matrices where they are: without gradient they get no momentum, and weight decay leaves 0 alone."""
    hooks = []
    for parameter in network.parameters() if keep else ():
        if parameter.dim() > 1 and bool((parameter == 0).any()):
            mask = (parameter != 0).to(parameter.dtype)
            hooks.append(parameter.register_hook(lambda gradient, mask=mask: gradient * mask))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
