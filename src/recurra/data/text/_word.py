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
        nearest = range(len(text) - 1, max(len(text) - REACH, 0) - 1, -1)
        last_space = next((at for at in nearest if text[at].isspace()), 0)
        decided = max(last_space, len(text) - REACH)
        found, end = [], 0
        for match in word_pattern(tokenised=self.tokenised, spaces=self.spaces).finditer(text):
            if match.end() > decided:
                break
            found.append(match[0])
            end = match.end()
        rest = text[end:]
        return found, rest if self.spaces else rest.lstrip()

    def join(self, pieces: Sequence[str]) -> str:
        """The text of pieces; without `spaces`, with one space between them."""
        return "".join(pieces) if self.spaces else " ".join(pieces)
