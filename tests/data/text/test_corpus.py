from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from recurra.data.text import open_corpus
from recurra.errors import DataError

TEXT = "To be, or not.\n\nÜber allem 👍 \0 ende\u2028\n" * 3


def test_a_file_and_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"First.\r\n"))
    (tmp_path / ".hidden").write_bytes(bytes(range(256)))
    corpus = open_corpus(tmp_path)
    assert "".join(corpus.texts()) == "First.\n" + TEXT == "".join(corpus.texts())
    assert corpus.size == 8 + len(TEXT.encode())
    assert corpus.digest == hashlib.sha256(b"First.\r\n" + TEXT.encode()).hexdigest()
    assert corpus.notes == (f"{corpus.size} bytes of text in 2 files.",)
    assert "".join(open_corpus(tmp_path / "b.txt").texts()) == TEXT


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gb18030"])
def test_encodings_are_said(tmp_path: Path, encoding: str) -> None:
    text = "新来的孩子问题\r\n" * 9
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    corpus = open_corpus(tmp_path / "a.txt")
    assert "".join(corpus.texts()) == text.replace("\r\n", "\n")
    assert corpus.notes[1:] == {"utf-8-sig": (), "utf-16": ("Read as UTF-16.",)}.get(encoding, ("Read as GB18030.",))


@pytest.mark.parametrize("line", ["é" * 1_300_000, "several words\n" * 200_000, "a\n" + "long" * 600_000])
def test_parts_are_bounded_and_end_with_lines(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.txt").write_text(line, encoding="utf-8")
    parts = list(open_corpus(tmp_path / "a.txt").texts())
    assert "".join(parts) == line
    assert len(parts) > 1
    for part in parts[:-1]:
        assert len(part) <= 1 << 20
        assert part.endswith("\n") or len(part) == 1 << 20


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no text"),
        (bytes(range(256)) * 9, "isn't a text file: it holds binary data. Expected plain text"),
        ("für die Übung\n".encode() * 400_000 + b"\xff\n", "UTF-8 but for the byte at offset 6,400,000"),
        ("für die Übung\n".encode() * 9 + b"\xc3", "UTF-8 but for the byte at offset 144"),
        ("caf\xe9 ol\xe9 \x81 x\n".encode("latin-1"), "seems to be CP1252, but the byte at offset 9 isn't"),
        ("abc".encode("utf-16") + b"\x00\xd8", "seems to be UTF-16, but the byte at offset 8 isn't"),
    ],
)
def test_what_is_not_text(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        open_corpus(tmp_path / "a.txt")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        open_corpus(tmp_path / "no.txt")
