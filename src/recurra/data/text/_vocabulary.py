from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

import numpy as np
from pydantic import BaseModel, ConfigDict

UNKNOWN = 0


class Vocabulary(BaseModel):
    """The pieces a network knows; the code of `pieces[k]` is k + 1, and 0 means any other piece."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pieces: tuple[str, ...]

    @classmethod
    def fit(cls, counts: Mapping[str, int], *, most: int | None = None, fewest: int = 1) -> Vocabulary:
        """The `most` frequent pieces of those that occur at least `fewest` times, the most frequent first."""
        kept = [(-count, piece) for piece, count in counts.items() if count >= fewest]
        return cls(pieces=tuple(piece for _, piece in sorted(kept)[:most]))

    @property
    def size(self) -> int:
        """Number of codes, that of the unknown included."""
        return len(self.pieces) + 1

    @cached_property
    def code_of(self) -> dict[str, int]:
        """The code of each known piece."""
        return {piece: code for code, piece in enumerate(self.pieces, 1)}

    def codes(self, pieces: Iterable[str]) -> np.ndarray:
        """The codes (T,) int32 of pieces."""
        find = self.code_of.get
        return np.array([find(piece, UNKNOWN) for piece in pieces], np.int32)

    def piece(self, code: int) -> str:
        """The piece of a code; the unknown is written <unknown>."""
        return self.pieces[code - 1] if code > 0 else "<unknown>"
