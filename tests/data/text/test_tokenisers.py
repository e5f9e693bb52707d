from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from recurra.data.text import (
    AnyTokeniser,
    BpeTokeniser,
    CharacterTokeniser,
    ChineseTokeniser,
    Feed,
    WordTokeniser,
    choose_tokeniser,
    train_bpe,
)
from recurra.errors import ConfigError

MERGES = (("t", "h"), ("th", "e"), (" ", "the"), ("a", "n"), ("an", "d"), ("\n", "\n"))
LOSSLESS = [
    WordTokeniser(spaces=True),
    WordTokeniser(spaces=True, tokenised=True),
    CharacterTokeniser(),
    BpeTokeniser(merges=MERGES),
    ChineseTokeniser(spaces=True),
]
EVERY = [
    *LOSSLESS,
    WordTokeniser(),
    WordTokeniser(tokenised=True),
    CharacterTokeniser(spaces=False),
    ChineseTokeniser(),
]
# Text that people write, and what they don't: parts that join in other ways when they meet.
WRITTEN = st.lists(
    st.sampled_from(
        ["n't", "don’t", "'s", " the", "and", "  ", "\n", "\r\n", "\t", "@me", "#a", "http://x.y/z", ".", "...", "U.S.",
         "1,000.5%", "-", "你好", "，", "かな", "👨\u200d👩\u200d👧", "🇩🇪", "❤\ufe0f", "e\u0301", "שלום", "مَرْحَبًا",
         "नमस्ते", "\0", "a", "x" * 300, ":-)", "<unk>", "&amp;", "\u2028", "\x85"]
    ),
    max_size=12,
).map("".join)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=60), WRITTEN)


@pytest.mark.parametrize("tokeniser", LOSSLESS, ids=str)
@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
@example("one  two \n three")
def test_join_gives_back_the_text(tokeniser: AnyTokeniser, text: str) -> None:
    assert tokeniser.join(tokeniser.pieces(text)) == text


@pytest.mark.parametrize("tokeniser", EVERY, ids=str)
@settings(max_examples=80, deadline=None)
@given(text=TEXTS, cuts=st.lists(st.integers(0, 60), max_size=5))
@example(text="one don't (two). http://a.b/c.", cuts=[5, 7, 20])
def test_chunks_do_not_matter(tokeniser: AnyTokeniser, text: str, cuts: list[int]) -> None:
    feed = Feed(tokeniser)
    found: list[str] = []
    places = [0, *sorted(cuts), len(text)]
    for start, stop in pairwise(places):
        found += feed.push(text[start : max(start, stop)])
        feed = Feed(tokeniser, **feed.state())
    assert found + feed.tail() == tokeniser.pieces(text)


@pytest.mark.parametrize("tokeniser", EVERY, ids=str)
@pytest.mark.parametrize("text", ["a", "你", " ", "a-", "@", "www.", "\u0301", "e\u0301", "&", "\n"])
def test_what_waits_is_bounded(tokeniser: AnyTokeniser, text: str) -> None:
    feed = Feed(tokeniser)
    whole = text * (10_000 // len(text))
    found = [piece for start in range(0, len(whole), 500) for piece in feed.push(whole[start : start + 500])]
    assert len(feed.rest) < 1200
    assert found + feed.tail() == tokeniser.pieces(whole)


@pytest.mark.parametrize("tokeniser", EVERY, ids=str)
def test_tokenisers_are_data(tokeniser: AnyTokeniser) -> None:
    adapter: TypeAdapter[AnyTokeniser] = TypeAdapter(AnyTokeniser)
    again = adapter.validate_json(tokeniser.model_dump_json())
    assert again == tokeniser
    assert again.pieces("the end, 你好") == tokeniser.pieces("the end, 你好")


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("I don't think it's O'Neill's.", "I do n't think it 's O'Neill 's ."),
        ("They CAN'T won’t ca n't", "They CA N'T wo n’t ca n't"),
        ("re-imagining ... the end -- now!", "re-imagining ... the end -- now !"),
        ("At 10:30, $1,000.50 (3.5%) in the U.S. or 3rd", "At 10:30 , $ 1,000.50 ( 3.5% ) in the U.S. or 3rd"),
        ("@Virgin #fail: https://t.co/aB1?x=1, a.b@c.org", "@Virgin #fail : https://t.co/aB1?x=1 , a.b@c.org"),
        ("<unk> &amp; -LRB- :-) <3", "<unk> &amp; -LRB- :-) <3"),
        ("👍🏽👨\u200d👩\u200d👧🇩🇪❤\ufe0f!", "👍🏽 👨\u200d👩\u200d👧 🇩🇪 ❤\ufe0f !"),
        ("e\u0301te\u0301 नमस्ते שָׁלוֹם مَرْحَبًا", "e\u0301te\u0301 नमस्ते שָׁלוֹם مَرْحَبًا"),
        ("我爱iPhone手机，真的", "我 爱 iPhone 手 机 ， 真 的"),
        ("a\0b", "a \0 b"),
        ("", ""),
        (" \n ", ""),
    ],
)  # fmt: skip
def test_words(text: str, pieces: str) -> None:
    assert WordTokeniser().pieces(text) == pieces.split(" ") * bool(pieces)


def test_spaces_belong_to_the_word_after_them() -> None:
    words = WordTokeniser(spaces=True, tokenised=True)
    assert words.pieces(" no it was n't \n but mr. <unk> \n") == [
        *(" no", " it", " was", " n't", " \n"),
        *(" but", " mr.", " <unk>", " \n"),
    ]  # fmt: skip
    assert WordTokeniser(spaces=True).pieces("Speak, \tspeak.\n\n") == [
        "Speak",
        ",",
        " ",
        "\t",
        "speak",
        ".",
        "\n",
        "\n",
    ]


def test_chinese_words() -> None:
    assert ChineseTokeniser().pieces("房间很大， 服务不错！") == ["房间", "很大", "，", "服务", "不错", "！"]
    assert CharacterTokeniser(spaces=False).pieces("房间 很大") == list("房间很大")


def test_byte_pairs_are_those_of_the_library() -> None:
    from tokenizers import Tokenizer, models

    text = "low lower lowest newer wider newest slow and the and the theory of the low and new " * 20
    bpe = train_bpe([text, "one more"], vocabulary=60)
    assert 20 < len(bpe.merges) < 60
    pieces = sorted({part for pair in bpe.merges for part in (*pair, "".join(pair))} | set(text))
    theirs = Tokenizer(models.BPE({piece: code for code, piece in enumerate(pieces)}, list(bpe.merges)))
    words = WordTokeniser(spaces=True).pieces("the slowest newer lowest thesis and wide")
    assert bpe.pieces("the slowest newer lowest thesis and wide") == [
        piece for word in words for piece in theirs.encode(word).tokens
    ]


@pytest.mark.parametrize(
    ("texts", "asked", "lossless", "kind", "reason"),
    [
        (["Plain text, as people write it; isn't it?"] * 3, "auto", False, WordTokeniser(), "cut at spaces and marks"),
        (["a stirring , funny film that is n't bad ."] * 3, "auto", False, WordTokeniser(tokenised=True), "already"),
        (["房间很大, 2M宽 OK"], "auto", False, CharacterTokeniser(spaces=False), "Chinese"),
        (["ภาษาไทยไม่มีช่องว่าง"], "auto", False, CharacterTokeniser(spaces=False), "no spaces between words"),
        (["Some text."], "auto", True, CharacterTokeniser(), "language model of a small file"),
        (["a funny film , and bad ."] * 500_000, "auto", True, WordTokeniser(tokenised=True, spaces=True), "already"),
        (["Some text."], "word", True, WordTokeniser(spaces=True), "in words"),
        (["Some text."], "chinese", False, ChineseTokeniser(), "rjieba"),
        (["Some text."], "character", False, CharacterTokeniser(spaces=False), "characters"),
        ([], "auto", False, WordTokeniser(), "words"),
    ],
)  # fmt: skip
def test_the_text_chooses_its_tokeniser(texts, asked, lossless, kind, reason) -> None:
    chosen, why = choose_tokeniser(iter(texts), asked, lossless=lossless)
    assert chosen == kind
    assert reason in why


def test_a_large_text_is_learnt_in_parts_of_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recurra.data.text._tokeniser._SMALL", 1000)
    chosen, why = choose_tokeniser(iter(["The other, and another.\n"] * 100), vocabulary=40, lossless=True)
    assert isinstance(chosen, BpeTokeniser)
    assert "byte pair" in why


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="'words'; expected one of auto, word"):
        choose_tokeniser([], "words")


def test_the_runtime_needs_none_of_the_large_libraries() -> None:
    code = (
        "import sys; from recurra.data.text import BpeTokeniser, CharacterTokeniser, Feed, WordTokeniser, fit_encoder\n"
        "encoder = fit_encoder([['a']], WordTokeniser(), characters=4)\n"
        "Feed(encoder.tokeniser).push('a b'); encoder.encode(['a']); CharacterTokeniser().pieces('a')\n"
        "BpeTokeniser(merges=(('a', 'b'),)).pieces('ab')\n"
        "print(sorted({'torch', 'polars', 'tokenizers', 'rjieba', 'sklearn'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
