"""The regular expressions that cut text into pieces.

Every part is bounded, so that one match looks at `REACH` characters at most: what lies further back is decided,
whatever text comes later. A base character keeps the combining marks after it.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

REACH = 600
_CHINESE = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3040-\u30ff"
_EMOJI = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u23ff\u25a0-\u27bf\u2900-\u2bff\u3030\u303d\U0001f000-\U0001faff]"
)
_SKIN = "[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]{0,3}"
_CLITIC = "(?:s|m|d|re|ve|ll)"


@cache
def marks() -> str:
    """The combining marks of the world's scripts, and the two joiners, as the inside of a character class."""
    codes = [code for code in range(0x300, 0x12000) if unicodedata.category(chr(code)).startswith("M")]
    ranges: list[list[int]] = []
    for code in (*codes, 0x200C, 0x200D):
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


@cache
def word_pattern(*, tokenised: bool, spaces: bool) -> re.Pattern[str]:
    """The pieces of text in words; `tokenised` text is cut at white space only; `spaces` keeps white space."""
    piece = r"\S{1,256}" if tokenised else _word()
    return re.compile(rf" ?(?:{piece}|\n)|\s" if spaces else rf"(?!\s)(?:{piece})", re.IGNORECASE)


def _word() -> str:
    mark = f"[{marks()}]"
    letter = f"[\\w{marks()}]"
    run = f"(?:(?![{_CHINESE}{_KANA}]){letter}){{1,64}}"
    end = f"(?!{letter})"
    return "|".join(
        [
            # links, addresses, @names and #tags; `<unk>`, &amp; and -LRB- as corpora write them
            r"""(?:https?://|www\.)[^\s<>"'`“”‘’，。！？、；：（）《》]{0,256}[^\s<>"'`“”‘’，。！？、；：（）《》.,;:!?)\]]""",
            rf"{letter}[\w.+-]{{0,64}}@[\w-]{{1,64}}\.[\w.-]{{0,63}}\w",
            f"[@#]{letter}{{1,64}}#?",
            r"<\w{1,32}>|&\#?\w{1,16};|-[lr][rcs]b-",
            # emoji, flags and joined families; the commonest emoticons
            f"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{_EMOJI}{_SKIN}(?:\u200d{_EMOJI}{_SKIN}){{0,8}}",
            r"[:;=][-o']?[)(\]\[dp/\\|*](?!\w)|<3(?!\d)",
            # numbers; U.S.; words, of which n't and 's, 're ... are cut off
            rf"\d{{1,64}}(?:[.,:/]\d{{1,32}}){{0,6}}%?{end}",
            rf"(?:[a-z]\.){{2,8}}{end}",
            f"[{_CHINESE}{_KANA}]{mark}{{0,8}}",
            f"n['’]t{end}|['’]{_CLITIC}{end}",
            f"(?:(?!n['’]t{end})(?![{_CHINESE}{_KANA}]){letter}){{1,64}}"
            f"(?:[-'’](?!{_CLITIC}{end})(?!n['’]t{end}){run}){{0,4}}",
            r"\.{2,16}|-{2,16}",
            rf"\S{mark}{{0,16}}",
        ]
    )
