from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from recurra.errors import require

# A word never reaches over white space or a mark that ends a clause; what is longer than this is cut anyway.
_CLAUSE = re.compile(r"[^\s，。！？；：、,!?;:]{1,256}|\s|[，。！？；：、,!?;:]")


class ChineseTokeniser(BaseModel):
    """Chinese text in words, by the dictionary of rjieba; clause by clause, so that text may come in chunks.

    White space is left out unless `spaces` keeps it, which `join` needs to give back exactly the text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["chinese"] = "chinese"
    spaces: bool = False

    def pieces(self, text: str) -> list[str]:
        """The words of a text."""
        return self._cut(_CLAUSE.findall(text))

    def complete(self, text: str) -> tuple[list[str], str]:
        """The pieces that no later text can change, and the rest: a clause that hasn't ended."""
        clauses = _CLAUSE.findall(text)
        rest = clauses.pop() if clauses and _is_open(clauses[-1]) else ""
        return self._cut(clauses), rest

    def join(self, pieces: Sequence[str]) -> str:
        """The text of pieces."""
        return "".join(pieces)

    def _cut(self, clauses: Sequence[str]) -> list[str]:
        rjieba: Any = require("rjieba", extra="text")
        words = [word for clause in clauses for word in ((clause,) if len(clause) == 1 else rjieba.cut(clause))]
        return words if self.spaces else [word for word in words if not word.isspace()]


def _is_open(clause: str) -> bool:
    """Whether later text may lengthen the clause."""
    return len(clause) < 256 and not (len(clause) == 1 and (clause.isspace() or clause in "，。！？；：、,!?;:"))
