from __future__ import annotations

import re

from recurra.errors import DataError

_SIGN = re.compile(r"[()]|[^\s()]+")
_TREE = re.compile(r"\s*\(\S+\s+[^\s].*\)\s*$")


def is_tree(line: str) -> bool:
    """Whether a line looks like `(3 (2 It) (4 works))`."""
    return bool(_TREE.match(line)) and line.count("(") == line.count(")")


def read_tree(line: str, place: str) -> list[tuple[str, str]]:
    """The label and the words of each phrase, inner ones first; the last is the whole sentence."""
    found: list[tuple[str, str]] = []
    words: list[str] = []
    waiting: list[tuple[str, int]] = []  # label of an open phrase, and where its words begin
    signs = iter(_SIGN.findall(line))
    for sign in signs:
        if sign == "(":
            label = next(signs, ")")
            if label in "()" or (found and not waiting):
                raise _broken(place)
            waiting.append((label, len(words)))
        elif sign == ")":
            if not waiting:
                raise _broken(place)
            label, start = waiting.pop()
            found.append((label, " ".join(words[start:])))
        else:
            words.append(sign)
    if waiting or not found:
        raise _broken(place)
    return found


def _broken(place: str) -> DataError:
    return DataError(f"{place}: brackets don't match; expected one tree such as (3 (2 It) (4 works)).")
