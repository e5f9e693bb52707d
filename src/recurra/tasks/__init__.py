"""What recurra can be fitted to do; one room a task, and none knows another."""

from typing import TYPE_CHECKING

from recurra._lazy import lazy

if TYPE_CHECKING:
    from recurra.tasks._load import load

__all__ = ["load"]

# A task's config is read for its flags; that must not load bundles, numpy or torch.
__getattr__, __dir__ = lazy(__name__, {"load": "recurra.tasks._load"})
