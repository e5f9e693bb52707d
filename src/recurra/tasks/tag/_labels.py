"""The labels that a network chooses from, and the tags that they stand for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from recurra.tasks.tag._scheme import Scheme, Spelling, can_begin, can_end, can_follow, find_scheme, respell

UNSEEN = -1


class Labels(BaseModel):
    """Tags of words to codes and back; the network sees `names`, files have the tags of `scheme`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: tuple[str, ...]
    scheme: Scheme | None  # of the file; None where each tag stands for itself
    inside: Spelling | None  # how the network spells entities; None where it learns the tags as they are

    @property
    def spelling(self) -> Spelling | None:
        """How tags spell entities outside the network, for scoring them."""
        return None if self.scheme is None else self.scheme.spelling

    def read(self, tags: Sequence[str]) -> list[str]:
        """A file's tags of a sentence, in BIO or IOBES proper where they spell entities."""
        return list(tags) if self.scheme is None else self.scheme.read(tags)

    def write(self, tags: Sequence[str]) -> list[str]:
        """What `read` gives, in the letters of the file."""
        return list(tags) if self.scheme is None else self.scheme.write(tags)

    def codes(self, tags: Sequence[str]) -> np.ndarray:
        """The codes (T,) of what `read` gives; UNSEEN for a tag that training didn't have."""
        inner = tags if self.inside is None else respell(tags, self.inside)
        return np.array([self._code_of.get(tag, UNSEEN) for tag in inner], np.int64)

    def tags(self, codes: Iterable[int]) -> list[str]:
        """The tags of words in a row, as `read` gives them; also of a part of a sentence, by what its letters mean."""
        tags = [self._tag_of[code] for code in codes]
        return respell(tags, "iobes") if (self.inside, self.spelling) == ("bio", "iobes") else tags

    @property
    def forbidden(self) -> tuple[tuple[int, int], ...]:
        """The pairs of codes that can't follow each other."""
        if self.inside is None:
            return ()
        pairs = ((a, b) for a in range(len(self.names)) for b in range(len(self.names)))
        return tuple((a, b) for a, b in pairs if not can_follow(self.names[a], self.names[b], self.inside))

    @property
    def forbidden_first(self) -> tuple[int, ...]:
        """The codes that can't begin a sentence."""
        return tuple(code for code, name in enumerate(self.names) if self.inside and not can_begin(name))

    @property
    def forbidden_last(self) -> tuple[int, ...]:
        """The codes that can't end a sentence."""
        return tuple(code for code, name in enumerate(self.names) if self.inside and not can_end(name, self.inside))

    @cached_property
    def _tag_of(self) -> list[str]:
        if (self.inside, self.spelling) != ("iobes", "bio"):
            return list(self.names)
        return [name if name == "O" else {"S": "B", "E": "I"}.get(name[0], name[0]) + name[1:] for name in self.names]

    @cached_property
    def _code_of(self) -> dict[str, int]:
        return {name: code for code, name in enumerate(self.names)}


def fit_labels(sentences: Sequence[Sequence[str]], asked: Literal["iobes", "bio", "tags"]) -> Labels:
    """The labels of training sentences, the most frequent first; `asked` is how the network shall spell entities."""
    scheme = find_scheme({tag for tags in sentences for tag in tags})
    inside = None if scheme is None or asked == "tags" else asked
    counts: Counter[str] = Counter()
    for tags in sentences:
        read = tags if scheme is None else scheme.read(tags)
        counts.update(read if inside is None else respell(read, inside))
    if inside == "iobes":
        # An entity of one word may come up though training has longer ones only.
        counts.update({f"{letter}-{name[2:]}": 0 for name in list(counts) if name != "O" for letter in "BIES"})
    if inside is not None:
        counts["O"] += 0
    names = tuple(sorted(counts, key=lambda name: (-counts[name], name)))
    return Labels(names=names, scheme=scheme, inside=inside)
