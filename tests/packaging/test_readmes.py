from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_table_has_its_header(page: Path) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", page.read_text(), re.MULTILINE):
        header, rule, *rows = table.splitlines()
        assert re.fullmatch(r"[|\-: ]+", rule), header
        # A bar in a cell of code is written \\|.
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in (header, rule, *rows)} == {header.count("|")}
