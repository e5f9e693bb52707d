from __future__ import annotations

import re

# How files begin that aren't text.
KINDS = {
    b"PAR1": "Parquet",
    b"ARROW1": "Arrow",
    b"PK\x03\x04": "a workbook or an archive",
    b"\xd0\xcf\x11\xe0": "a workbook",
    b"\x1f\x8b": "compressed",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def kind_of(begin: bytes) -> str | None:
    """What a file is that begins with these bytes, if it's nothing that is read line by line."""
    return next((kind for magic, kind in KINDS.items() if begin.startswith(magic)), None)


def likely_encoding(line: bytes) -> str | None:
    """What a line that isn't UTF-8 is probably written in, as iconv calls it; None if it's hardly text at all."""
    if kind_of(line) == "UTF-16":
        return "UTF-16"
    for begin, name in enumerate(("UTF-16BE", "UTF-16LE")):
        if len(line) > 3 and set(line[begin : len(line) - 1 : 2]) == {0}:
            return name
    if kind_of(line) or any(byte < 32 and byte not in b"\t\r\f" for byte in line):
        return None
    # Of GB 2312 both bytes of a character are high; accented letters mostly stand alone.
    if all(len(run) % 2 == 0 for run in re.findall(rb"[\x80-\xff]+", line)):
        return "GBK"
    return "WINDOWS-1252"
