from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path

import pytest

from recurra.data._text import open_text
from recurra.errors import DataError

CHINESE = "日期,PM2.5,温度,湿度,风速\n20150131,35,-2.5,40,3.1\n20150201,180,1.5,60,1.2\n"
WESTERN = "date,Température (°C),Größe\n2015-01-31,1.5,2\n"


@pytest.mark.parametrize(
    ("text", "encoding", "note"),
    [
        ("a,b\n1,2\n", "utf-8", ()),
        (CHINESE, "utf-8", ()),
        (CHINESE, "utf-8-sig", ()),
        (CHINESE, "utf-16", ("Read as UTF-16.",)),
        ("a,b\n1,2\n" * 9, "utf-16-le", ("Read as UTF-16.",)),
        ("a,b\n1,2\n" * 9, "utf-16-be", ("Read as UTF-16.",)),
        (CHINESE, "gbk", ("Read as GB18030.",)),
        (CHINESE, "gb2312", ("Read as GB18030.",)),
        ("站,名\n北京㐂,镕\n上海,南京\n广州,深圳\n", "gb18030", ("Read as GB18030.",)),
        (WESTERN, "cp1252", ("Read as CP1252.",)),
        ("date,T (°C)\n2015-01-31,1.5\n", "cp1252", ("Read as CP1252.",)),
        ("日期,溫度與濕度的測量結果,觀測站名稱\n1,2,臺北\n", "big5", ("Read as BIG5.",)),
        ("日付,気温と湿度のデータ,観測所のなまえ\n1,2,3\n", "shift_jis", ("Read as SHIFT_JIS.",)),
    ],
)
def test_encodings_are_found_and_said(tmp_path: Path, text: str, encoding: str, note: tuple[str, ...]) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    opened = open_text(path)
    assert opened.read() == text
    assert opened.notes == note


def test_plain_utf8_stays_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a\n1\n")
    assert open_text(path).source == path


def zipped(data: bytes, *names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, lambda data: zipped(data, "t.csv")])
def test_packed_text_is_unpacked_whatever_its_name(tmp_path: Path, pack) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(pack(CHINESE.encode("gbk")))
    opened = open_text(path)
    assert opened.read() == CHINESE
    assert opened.notes == ("Read as GB18030.",)


def test_old_mac_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"a,b\r1,2\r")
    assert open_text(path).read() == "a,b\n1,2\n"


def test_head_ends_with_a_whole_character(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("日期", encoding="utf-8")
    assert open_text(path).head(4) == "日"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes(range(256)) * 20, "binary data"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "binary data"),
        (gzip.compress(b"a,b\n1,2\n")[:12], "damaged archive"),
        (zipped(b"a\n1\n", "x.csv", "y.csv"), "archive of 2 files"),
    ],
)
def test_what_is_not_text_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message):
        open_text(path)
