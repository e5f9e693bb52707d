from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from recurra.data.text._patterns import REACH, word_pattern


class WordTokeniser(BaseModel):
    """Text in words, marks and signs.

    Contractions are cut as in treebanks (do n't, it 's), everything else that people write in one go stays whole:
    links, @names, #tags, emoji, numbers, hyphenated words. Chinese and Japanese characters are a piece each.

    With `spaces`, as language models need it, `join` gives back exactly the text: a single space before a word or a
    newline belongs to it (" word"), other white space is a piece a character. `tokenised` text is cut at spaces alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["word"] = "word"
    tokenised: bool = False
    spaces: bool = False

    def pieces(self, text: str) -> list[str]:
        """The words of a text."""
        return word_pattern(tokenised=self.tokenised, spaces=self.spaces).findall(text)

    def complete(self, text: str) -> tuple[list[str], str]:
        """The pieces that no later text can change, and the rest."""
        pattern = word_pattern(tokenised=self.tokenised, spaces=self.spaces)
        cut = _last_gap(text)
        found, rest = pattern.findall(text[:cut]), text[cut:]
        if len(rest) > REACH:
            end = 0
            for match in pattern.finditer(rest):
                if match.end() > len(rest) - REACH:
                    break
                found.append(match[0])
                end = match.end()
            rest = rest[end:]
        return found, rest if self.spaces else rest.lstrip()

    def join(self, pieces: Sequence[str]) -> str:
        """The text of pieces; without `spaces`, with one space between them."""
        return "".join(pieces) if self.spaces else " ".join(pieces)


def _last_gap(text: str) -> int:
    """Where the last white space after a word begins, if it isn't far from the end: no piece reaches over it."""
    first = max(len(text) - REACH, 1)
    return next((at for at in range(len(text) - 1, first - 1, -1) if text[at].isspace() > text[at - 1].isspace()), 0)
