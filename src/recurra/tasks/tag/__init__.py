"""Tagging: from sentences with a tag on each word to a measured tagger of parts of speech, entities and the like."""

from typing import TYPE_CHECKING

from recurra._lazy import lazy

if TYPE_CHECKING:
    from recurra.tasks.tag._config import TagConfig
    from recurra.tasks.tag._tagger import Tagger

__all__ = ["TagConfig", "Tagger"]

# The config is read for its flags; that must not load torch.
__getattr__, __dir__ = lazy(__name__, {"TagConfig": "recurra.tasks.tag._config", "Tagger": "recurra.tasks.tag._tagger"})
