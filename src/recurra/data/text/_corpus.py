from __future__ import annotations

import codecs
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recurra.data._text import about_encoding, find_encoding, read_chunks
from recurra.data._words import counted
from recurra.errors import DataError

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Corpus:
    """Plain text in one file or many, however large; it is read anew, bit by bit, each time it is asked for."""

    name: str
    files: tuple[tuple[Path, str], ...]  # with the encoding of each
    size: int  # bytes, unpacked
    digest: str  # SHA-256 of those bytes
    notes: tuple[str, ...]

    def texts(self) -> Iterator[str]:
        """The text, file after file, in parts of up to a million characters cut after a line where there is one."""
        for path, encoding in self.files:
            yield from _lines(path, encoding)


def open_corpus(source: str | Path) -> Corpus:
    """Open a text file, or all of a folder in the order of their names; packed ones are unpacked while reading.

    All of it is read through first, for its encoding, size and digest. Raises DataError for a file that isn't text, or
    breaks off being so.
    """
    root = Path(source)
    if root.is_dir():
        found = sorted(path for path in root.rglob("*") if path.is_file() and not _is_hidden(path.relative_to(root)))
    elif root.exists():
        found = [root]
    else:
        raise DataError(f"No such file: {root}. Expected a text file, or a folder of them.")
    files, notes, size, digest = [], [], 0, hashlib.sha256()
    for path in found:
        encoding = find_encoding(path, wanted="text file", formats="plain text")
        files.append((path, encoding))
        notes += [f"{path.name}: {note}" if len(found) > 1 else note for note in about_encoding(encoding)]
        for chunk in read_chunks(path, wanted="text file"):
            digest.update(chunk)
            size += len(chunk)
    if not size:
        raise DataError(f"{root} holds no text; expected some.")
    about = f"{_amount(size)} of text in {counted(len(files), 'file')}."
    return Corpus(str(root), tuple(files), size, digest.hexdigest(), (about, *notes))


def _lines(path: Path, encoding: str) -> Iterator[str]:
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    rest = ""
    for chunk in read_chunks(path):
        rest += decoder.decode(chunk)
        start = 0
        while len(rest) - start > _CHUNK:
            cut = rest.rfind("\n", start, start + _CHUNK) + 1 or start + _CHUNK
            yield rest[start:cut]
            start = cut
        rest = rest[start:]
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "__")) for part in path.parts)


def _amount(size: int) -> str:
    for unit, name in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return counted(size, "byte")
