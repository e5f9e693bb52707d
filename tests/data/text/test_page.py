from __future__ import annotations

import doctest
import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "text-data.md"


def test_the_page_shows_what_is() -> None:
    (shown,) = re.findall(r"```pycon\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    example = doctest.DocTestParser().get_doctest(shown, {}, "text-data.md", str(PAGE), 0)
    assert len(example.examples) == 5
    assert doctest.DocTestRunner().run(example).failed == 0
