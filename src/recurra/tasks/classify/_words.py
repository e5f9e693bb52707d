from __future__ import annotations

from recurra.data.text import Encoder

LONGEST = 20_000  # words, or rows of a series, that are read in one go


def words_of(encoder: Encoder, text: str) -> list[str]:
    """The words of a text; one without any counts as a single unknown word."""
    return encoder.tokeniser.pieces(text) or [""]
