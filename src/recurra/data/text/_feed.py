from __future__ import annotations

from typing import Any

from recurra.data.text._tokeniser import AnyTokeniser


class Feed:
    """Text that comes in chunks, as pieces; any chunking gives those of the whole text.

    A piece is given once no later text can change it. What waits for that is bounded, however long the text.
    """

    def __init__(self, tokeniser: AnyTokeniser, rest: str = "") -> None:
        self.tokeniser = tokeniser
        self.rest = rest

    def push(self, text: str) -> list[str]:
        """Take the next chunk, and give the pieces that are complete now."""
        pieces, self.rest = self.tokeniser.complete(self.rest + text)
        return pieces

    def tail(self) -> list[str]:
        """The pieces of what is incomplete, as if the text ended here; it may still change."""
        return self.tokeniser.pieces(self.rest)

    def state(self) -> dict[str, Any]:
        """What is incomplete, as data; `Feed(tokeniser, **state)` goes on from there."""
        return {"rest": self.rest}
