"""Entities spelled in tags: BIO, where B- begins and I- goes on, and IOBES, where E- ends and S- stands alone.

An I- that continues nothing begins an entity, as CoNLL's scorer has it; an entity that nothing ends ends anyway.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

Spelling = Literal["bio", "iobes"]

_TAG = re.compile(r"([BIESMLU])-(.+)", re.DOTALL)
# Letters of begin, inside, end and single by the name of a spelling; the latter two mean what IOBES means.
_LETTERS = {"bio": "BI", "iobes": "BIES", "bilou": "BILU", "bmes": "BMES"}


class Entity(NamedTuple):
    """Words `start` to `end`, exclusive, that are one of `kind`."""

    start: int
    end: int
    kind: str


class Scheme(NamedTuple):
    """How a file's tags spell entities: `spelling` by meaning, and the letters that it writes for it."""

    spelling: Spelling
    letters: str

    def read(self, tags: Sequence[str]) -> list[str]:
        """A sentence's tags in BIO or IOBES proper, whatever letters the file uses; an I- that begins becomes B-."""
        if self.spelling == "bio":
            return spell(entities(tags), len(tags), "bio")
        return _translate(tags, self.letters, "BIES")

    def write(self, tags: Sequence[str]) -> list[str]:
        """A sentence's tags in the letters of the file."""
        return list(tags) if self.spelling == "bio" else _translate(tags, "BIES", self.letters)


def find_scheme(tags: Iterable[str]) -> Scheme | None:
    """What these tags spell; None where they aren't O and letters before a type, so that each stands for itself."""
    found = set(tags)
    matches = [_TAG.fullmatch(tag) for tag in found - {"O"}]
    letters = {match[1] for match in matches if match}
    if not matches or None in matches:
        return None
    for known in _LETTERS.values():
        if letters <= set(known):
            return Scheme("bio" if known == "BI" else "iobes", known)
    return None


def entities(tags: Sequence[str]) -> list[Entity]:
    """The entities that a sentence's tags spell, in BIO or IOBES."""
    found: list[Entity] = []
    start, kind = 0, ""
    for place, tag in enumerate((*tags, "O")):
        letter, _, here = tag.partition("-")
        if kind and (letter in "OBS" or here != kind):
            found.append(Entity(start, place, kind))
            kind = ""
        if letter == "O":
            continue
        if not kind:
            start, kind = place, here
        if letter in "ES":
            found.append(Entity(start, place + 1, kind))
            kind = ""
    return found


def spell(found: Iterable[Entity], length: int, spelling: Spelling) -> list[str]:
    """The tags of a sentence of so many words that has these entities."""
    tags = ["O"] * length
    for start, end, kind in found:
        tags[start:end] = [f"I-{kind}"] * (end - start)
        tags[start] = f"B-{kind}"
        if spelling == "iobes":
            tags[end - 1] = f"{'S' if end - start == 1 else 'E'}-{kind}"
    return tags


def respell(tags: Sequence[str], spelling: Spelling) -> list[str]:
    """The same entities in another spelling."""
    return spell(entities(tags), len(tags), spelling)


def can_follow(before: str, after: str, spelling: Spelling) -> bool:
    """Whether a tag may come right after another."""
    letter, _, kind = after.partition("-")
    begins = letter in "OBS"
    same = before[2:] == kind
    if spelling == "iobes":
        return not begins and same if before[0] in "BI" else begins
    return begins or (before != "O" and same)


def can_begin(tag: str) -> bool:
    """Whether a tag may be a sentence's first."""
    return tag[:1] in "OBS"


def can_end(tag: str, spelling: Spelling) -> bool:
    """Whether a tag may be a sentence's last."""
    return spelling == "bio" or tag[:1] in "OES"


def _translate(tags: Sequence[str], letters: str, others: str) -> list[str]:
    table = dict(zip(letters, others, strict=True))
    return [tag if tag == "O" else table[tag[0]] + tag[1:] for tag in tags]
