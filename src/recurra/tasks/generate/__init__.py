"""Generating text: from plain text to a language model that is measured, and writes on."""

from typing import TYPE_CHECKING

from recurra._lazy import lazy

if TYPE_CHECKING:
    from recurra.tasks.generate._config import GenerateConfig
    from recurra.tasks.generate._generator import Generator

__all__ = ["GenerateConfig", "Generator"]

# The config is read for its flags; that must not load torch.
__getattr__, __dir__ = lazy(
    __name__,
    {
        "GenerateConfig": "recurra.tasks.generate._config",
        "Generator": "recurra.tasks.generate._generator",
    },
)
