from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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


def open_text(path: Path) -> Text:
    """Unpack a text file and find its encoding; refuse what isn't text."""
    packed = _unpacked(path)
    chunks = _chunks(path) if packed is None else iter([packed])
    encoding = _encoding(chunks, path)
    first = next(_chunks(path)) if packed is None else packed
    if encoding == "utf-8" and packed is None and (b"\n" in first or b"\r" not in first):
        return Text(path, ())
    data = path.read_bytes() if packed is None else packed
    if encoding != "utf-8":
        data = data.decode(encoding).removeprefix("\ufeff").encode("utf-8")
    if b"\n" not in data and b"\r" in data:
        data = data.replace(b"\r", b"\n")
    named = {"utf-8": "", "utf-8-sig": "", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}.get(encoding, encoding.upper())
    return Text(data, (f"Read as {named}.",) if named else ())


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _unpacked(path: Path) -> bytes | None:
    with path.open("rb") as file:
        magic = file.read(6)
    try:
        if magic.startswith(b"\x1f\x8b"):
            return gzip.decompress(path.read_bytes())
        if magic.startswith(b"BZh"):
            return bz2.decompress(path.read_bytes())
        if magic.startswith(b"\xfd7zXZ"):
            return lzma.decompress(path.read_bytes())
        if magic.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
                names = [name for name in archive.namelist() if not name.endswith("/")]
                if len(names) != 1:
                    raise DataError(f"{path} is an archive of {len(names)} files; expected one table. Unpack it first.")
                return archive.read(names[0])
    except (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is a damaged archive ({error}). Fetch it again or unpack it first.") from error
    return None


def _encoding(chunks: Iterator[bytes], path: Path) -> str:
    """The one encoding in which the bytes make sense, UTF-8 before all others."""
    head = next(chunks, b"")
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    sample = head[: 1 << 16]
    zeros = sample[0::2].count(0), sample[1::2].count(0)
    if max(zeros) > len(sample) // 5 and min(zeros) <= len(sample) // 100:
        return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    if any(byte in _CONTROL for byte in set(sample)):
        raise DataError(f"{path} isn't a table: it holds binary data. Expected CSV, TSV, Parquet or Excel.")
    decoder = codecs.getincrementaldecoder("utf-8")()
    seen = [head]
    try:
        decoder.decode(head)
        for chunk in chunks:
            seen = [chunk]
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return _legacy(path, seen[0])
    return "utf-8"


def _legacy(path: Path, sample: bytes) -> str:
    """The older encoding of bytes that aren't UTF-8.

    In Chinese text almost all characters beyond ASCII are among the 6,763 of GB 2312; Western bytes misread as Chinese
    hit rarer ones. What is neither is left to charset-normalizer.
    """
    data = sample[: sample.rfind(b"\n") + 1] or sample
    try:
        foreign = [char for char in data.decode("gb18030") if ord(char) > 127]
        common = sum(_is_common(char) for char in foreign)
        if foreign and common >= 0.7 * len(foreign) and _pairs(data) >= 0.7:
            return "gb18030"
    except UnicodeDecodeError:
        pass
    if _pairs(data) < 0.3:
        return "cp1252" if _decodes(path, "cp1252") else "latin-1"

    from charset_normalizer import from_bytes

    best = from_bytes(data[: 1 << 18], cp_isolation=_EASTERN).best()
    if best is None or not _decodes(path, best.encoding):
        raise DataError(f"{path} is in an encoding that can't be told. Save it as UTF-8 and try again.")
    return best.encoding


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


def _decodes(path: Path, encoding: str) -> bool:
    try:
        (_unpacked(path) or path.read_bytes()).decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
