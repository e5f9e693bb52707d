from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict


class CharacterTokeniser(BaseModel):
    """Text in characters; without `spaces`, white space is left out and `join` can't give it back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["character"] = "character"
    spaces: bool = True

    def pieces(self, text: str) -> list[str]:
        """The characters of a text."""
        return list(text) if self.spaces else list("".join(text.split()))

    def complete(self, text: str) -> tuple[list[str], str]:
        """All pieces: a character is never incomplete."""
        return self.pieces(text), ""

    def join(self, pieces: Sequence[str]) -> str:
        """The text of pieces."""
        return "".join(pieces)
