from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from recurra.data._text import open_text
from recurra.data.text._documents import Documents
from recurra.data.text._trees import is_tree, read_tree
from recurra.errors import DataError

_LOOKED_AT = 2000
_FASTTEXT = re.compile(r"(?:__label__\S+[ \t]+)+|(?:__label__\S+[ \t]*)+$")
_FIRST = re.compile(r"(\S+)[ \t]+(?=\S)")


@dataclass(frozen=True)
class _Line:
    number: int
    text: str


def read_lines(path: Path, *, needs_labels: bool, phrases: bool, tabbed: bool) -> Documents | None:
    """Read text line by line: trees, `__label__x text`, `label text`, `text<tab>label`, or plain text.

    None where the lines look like a table.
    """
    if not path.stat().st_size:
        raise DataError(f"{path} is empty; expected texts.")
    with path.open("rb") as file:
        if file.read(4) in (b"PAR1", b"ARRO"):
            return None
    text = open_text(path, wanted="text file", formats="texts in lines, or a table")
    lines = [_Line(at, line.rstrip("\r")) for at, line in enumerate(text.read().split("\n"), 1)]
    if lines and not lines[-1].text:
        lines.pop()
    filled = [line for line in lines if line.text.strip()]
    sample = [line.text for line in filled[:_LOOKED_AT]]
    if not sample:
        raise DataError(f"{path} holds no text, only white space; expected texts.")
    if all(map(is_tree, sample[:50])):
        return _trees(path, filled, text.notes, phrases=phrases)
    if all(line.startswith("__label__") for line in sample):
        return _fasttext(path, filled, text.notes)
    side = _label_column(sample)
    if side is not None:
        cut = [line.text.split("\t", 1) if side == 0 else line.text.rsplit("\t", 1)[::-1] for line in filled]
        bad = next((line for line, parts in zip(filled, cut, strict=True) if len(parts) != 2), None)
        if bad is not None:
            raise DataError(f"{path}, line {bad.number}: no tab; expected a label, a tab and a text as in other lines.")
        about = f"{'First' if side == 0 else 'Last'} field of a line: its label."
        return _labelled(path, filled, [(label.strip(), each) for label, each in cut], (*text.notes, about))
    if tabbed or _is_table(sample):
        return None
    if _has_first_labels(sample, needs_labels=needs_labels):
        pairs = []
        for line in filled:
            parts = line.text.split(None, 1)
            pairs.append((parts[0], parts[1] if len(parts) > 1 else ""))
        return _labelled(path, filled, pairs, (*text.notes, "First word of a line: its label."))
    return Documents([line.text for line in lines], None, False, str(path), _places(path, lines), text.notes)


def _places(path: Path, lines: list[_Line]):
    return lambda index: f"{path}, line {lines[index].number}"


def _labelled(path: Path, lines: list[_Line], pairs: list[tuple[str, str]], notes: tuple[str, ...]) -> Documents:
    labels = tuple((label,) for label, _ in pairs)
    return Documents([text for _, text in pairs], labels, False, str(path), _places(path, lines), notes)


def _fasttext(path: Path, lines: list[_Line], notes: tuple[str, ...]) -> Documents:
    texts, labels = [], []
    for line in lines:
        match = _FASTTEXT.match(line.text)
        if match is None:
            raise DataError(f"{path}, line {line.number}: no __label__ in front; expected one as in the lines before.")
        texts.append(line.text[match.end() :])
        labels.append(tuple(label.removeprefix("__label__") for label in match[0].split()))
    multi = any(len(each) > 1 for each in labels)
    return Documents(texts, tuple(labels), multi, str(path), _places(path, lines), notes)


def _trees(path: Path, lines: list[_Line], notes: tuple[str, ...], *, phrases: bool) -> Documents:
    texts, labels, places = [], [], []
    for line in lines:
        found = read_tree(line.text, f"{path}, line {line.number}")
        for label, text in found if phrases else found[-1:]:
            texts.append(text)
            labels.append((label,))
            places.append(line)
    about = f"Trees: {'each phrase' if phrases else 'each whole sentence'} is a text with a label."
    return Documents(texts, tuple(labels), False, str(path), _places(path, places), (*notes, about))


def _label_column(sample: list[str]) -> int | None:
    """Which side of the only tab in every line holds labels: few different values, each more than once."""
    if any(line.count("\t") != 1 for line in sample):
        return None
    columns = list(zip(*(line.split("\t") for line in sample), strict=True))
    sides = [side for side in (0, 1) if _are_labels(list(columns[side]))]
    if not sides:
        return None
    return min(sides, key=lambda side: len(set(columns[side])))


def _are_labels(values: list[str]) -> bool:
    """Few different values, and the first isn't a header: it occurs again."""
    counts = Counter(value.strip() for value in values)
    again = len(values) < 4 or counts[values[0].strip()] > 1
    return again and len(counts) <= max(2, len(values) // 5) and max(map(len, counts)) <= 60


def _is_table(sample: list[str]) -> bool:
    """Whether commas, semicolons or tabs cut every line into the same number of short fields."""
    for sign in "\t,;|":
        widths = {line.count(sign) for line in sample}
        if len(widths) == 1 and widths != {0}:
            return True
    header = [name.strip().strip('"').casefold() for name in re.split(r"[,;\t|]", sample[0])]
    return len(header) > 1 and bool({"text", "label", "sentiment", "review", "class", "category"} & set(header))


def _has_first_labels(sample: list[str], *, needs_labels: bool) -> bool:
    """Whether lines start with a label: few different first words, that are numbers where labels aren't asked for."""
    firsts = [line.split(None, 1)[0] for line in sample]
    if sum(bool(_FIRST.match(line)) for line in sample) < 0.9 * len(sample) or not _are_labels(firsts):
        return False
    return needs_labels or all(first.lstrip("-").isdecimal() for first in firsts)
