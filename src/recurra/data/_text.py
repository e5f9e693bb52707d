from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from recurra.errors import DataError

_CHUNK = 1 << 22
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = frozenset(range(0x20)) - {0x09, 0x0A, 0x0C, 0x0D, 0x1A}
_GZIP, _BZIP, _XZ, _ZIP = _PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"PK\x03\x04")
_EASTERN = ["gb18030", "big5", "shift_jis", "euc_jp", "euc_kr", "cp1252", "cp1251"]


@dataclass(frozen=True)
class Text:
    """A text file as UTF-8 without byte order mark: its path where it is that already, else its bytes."""

    source: Path | bytes
    notes: tuple[str, ...]

    def head(self, size: int) -> str:
        """The first `size` bytes, cut at the last whole character."""
        if isinstance(self.source, bytes):
            data = self.source[:size]
        else:
            with self.source.open("rb") as file:
                data = file.read(size)
        return codecs.getincrementaldecoder("utf-8")().decode(data)

    def holds(self, sign: bytes) -> bool:
        """Whether one byte occurs in it."""
        return (
            sign in self.source
            if isinstance(self.source, bytes)
            else any(sign in chunk for chunk in _chunks(self.source))
        )

    def read(self) -> str:
        """All of it."""
        return (self.source if isinstance(self.source, bytes) else self.source.read_bytes()).decode("utf-8")


def open_text(path: Path, *, wanted: str = "table", formats: str = "CSV, TSV, Parquet or Excel") -> Text:
    """Unpack a text file and find its encoding; refuse what isn't text, as what was `wanted` instead."""
    encoding = find_encoding(path, wanted=wanted, formats=formats)
    packed = b"".join(read_chunks(path, wanted=wanted)) if is_packed(path) else None
    first = next(_chunks(path)) if packed is None else packed
    if encoding == "utf-8" and packed is None and (b"\n" in first or b"\r" not in first):
        return Text(path, ())
    data = path.read_bytes() if packed is None else packed
    if encoding != "utf-8":
        data = data.decode(encoding).removeprefix("\ufeff").encode("utf-8")
    if b"\n" not in data and b"\r" in data:
        data = data.replace(b"\r", b"\n")
    return Text(data, about_encoding(encoding))


def about_encoding(encoding: str) -> tuple[str, ...]:
    """What to say of an encoding, unless it is the usual one."""
    named = {"utf-8": "", "utf-8-sig": "", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}.get(encoding, encoding.upper())
    return (f"Read as {named}.",) if named else ()


def read_chunks(path: Path, *, wanted: str = "table") -> Iterator[bytes]:
    """The bytes of a file, a few megabytes at a time, unpacked if it is packed."""
    try:
        with _opened(path, wanted) as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path} is a damaged archive ({error}). Fetch it again or unpack it first.") from error


def is_packed(path: Path) -> bool:
    """Whether the file is an archive that is read as what it holds."""
    with path.open("rb") as file:
        return file.read(6).startswith(_PACKED)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _opened(path: Path, wanted: str) -> io.BufferedIOBase | IO[bytes]:
    with path.open("rb") as file:
        magic = file.read(6)
    if magic.startswith(_GZIP):
        return gzip.open(path)
    if magic.startswith(_BZIP):
        return bz2.open(path)
    if magic.startswith(_XZ):
        return lzma.open(path)
    if not magic.startswith(_ZIP):
        return path.open("rb")
    archive = zipfile.ZipFile(path)
    names = [name for name in archive.namelist() if not name.endswith("/")]
    if len(names) != 1:
        archive.close()
        raise DataError(f"{path} is an archive of {len(names)} files; expected one {wanted}. Unpack it first.")
    file = archive.open(names[0])
    archive.close()  # the member keeps the file open until it is closed itself
    return file


def find_encoding(path: Path, *, wanted: str = "table", formats: str = "CSV, TSV, Parquet or Excel") -> str:
    """The one encoding in which the bytes of a file make sense, UTF-8 before all others."""
    chunks = read_chunks(path, wanted=wanted)
    head = next(chunks, b"")
    for mark, name in _BOMS:
        if head.startswith(mark):
            _check_decodes(path, name)
            return name
    sample = head[: 1 << 16]
    zeros = sample[0::2].count(0), sample[1::2].count(0)
    if max(zeros) > len(sample) // 5 and min(zeros) <= len(sample) // 100:
        encoding = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
        _check_decodes(path, encoding)
        return encoding
    if (control := sum(sample.count(byte) for byte in _CONTROL)) > 2 and control > len(sample) // 20:
        raise DataError(f"{path} isn't a {wanted}: it holds binary data. Expected {formats}.")
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset, waiting, chunk = 0, 0, head
    try:
        while chunk:
            waiting = len(decoder.getstate()[0])
            decoder.decode(chunk)
            offset += len(chunk)
            chunk = next(chunks, b"")
        waiting = len(decoder.getstate()[0])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        return _legacy(path, chunk or head, offset - waiting + error.start)
    return "utf-8"


def _legacy(path: Path, sample: bytes, offset: int) -> str:
    """The older encoding of bytes that aren't UTF-8 at `offset`.

    In Chinese text almost all characters beyond ASCII are among the 6,763 of GB 2312; Western bytes misread as Chinese
    hit rarer ones. What is neither is left to charset-normalizer. Text that is UTF-8 nearly everywhere is damaged.
    """
    data = sample[: sample.rfind(b"\n") + 1] or sample
    foreign = [char for char in data.decode("utf-8", errors="replace") if ord(char) > 127]
    broken = foreign.count("\ufffd")
    if len(foreign) - broken > 3 * broken:
        raise DataError(
            f"{path} is UTF-8 but for the byte at offset {offset:,}, which no character begins or continues like that. "
            "Mend it there, or save the file as UTF-8 again."
        )
    try:
        foreign = [char for char in data.decode("gb18030") if ord(char) > 127]
        common = sum(_is_common(char) for char in foreign)
        if foreign and common >= 0.7 * len(foreign) and _pairs(data) >= 0.7:
            _check_decodes(path, "gb18030")
            return "gb18030"
    except UnicodeDecodeError:
        pass
    if _pairs(data) < 0.3:
        _check_decodes(path, "cp1252")
        return "cp1252"

    from charset_normalizer import from_bytes

    best = from_bytes(data[: 1 << 18], cp_isolation=_EASTERN).best()
    if best is None:
        raise DataError(
            f"{path} is in an encoding that can't be told; the byte at offset {offset:,} isn't UTF-8. "
            "Save it as UTF-8 and try again."
        )
    _check_decodes(path, best.encoding)
    return best.encoding


def _check_decodes(path: Path, encoding: str) -> None:
    """Refuse a file that isn't in its encoding to the end, with the place where it stops being so."""
    decoder = codecs.getincrementaldecoder(encoding)()
    offset = waiting = 0
    try:
        for chunk in read_chunks(path):
            waiting = _waiting(decoder)
            decoder.decode(chunk)
            offset += len(chunk)
        waiting = _waiting(decoder)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} seems to be {encoding.upper()}, but the byte at offset {offset - waiting + error.start:,} isn't. "
            "Mend it there, or save the file as UTF-8."
        ) from error


def _waiting(decoder: codecs.IncrementalDecoder) -> int:
    return len(decoder.getstate()[0])


def _is_common(char: str) -> bool:
    try:
        char.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _pairs(data: bytes) -> float:
    """Share of bytes above ASCII that stand beside another one."""
    high = [0x80 <= byte for byte in data[: 1 << 18]]
    total = sum(high)
    beside = sum(
        here and (before or after)
        for before, here, after in zip([False, *high], high, [*high[1:], False], strict=False)
    )
    return beside / total if total else 0.0
