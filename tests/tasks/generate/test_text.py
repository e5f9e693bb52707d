from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.data.text import CharacterTokeniser, WordTokeniser
from recurra.errors import ConfigError, DataError
from recurra.tasks.generate._text import Stretch, cut
from tasks.generate.texts import encoder, lines


@dataclass
class Chunks:
    """Stands for a corpus."""

    parts: list[str]

    def texts(self):
        yield from self.parts


def stretch(parts: list[str], start: int, stop: int) -> Stretch:
    corpus: Any = Chunks(parts)
    return Stretch(corpus, start, stop)


@given(st.lists(st.text("ab \n", max_size=5), max_size=6), st.integers(0, 20), st.integers(0, 20))
def test_a_stretch_is_a_slice(parts, start, size):
    found = "".join(stretch(parts, start, start + size).texts())
    assert found == "".join(parts)[start : start + size]


@given(st.lists(st.text("ab \n", max_size=5), max_size=6))
def test_chunks_do_not_matter_for_pieces(parts):
    for tokeniser in (CharacterTokeniser(), WordTokeniser(spaces=True)):
        whole = "".join(parts)
        found = [piece for pieces in stretch(parts, 0, len(whole)).pieces(tokeniser) for piece in pieces]
        assert found == tokeniser.pieces(whole)


def test_codes_of_a_stretch():
    codes = stretch(["ab", "ca", "x"], 1, 5).encode(encoder("a", "b", "c"))
    assert codes.codes.tolist() == [2, 3, 1, 0]
    assert codes.characters == 4


def test_shares_are_cut_at_the_ends_of_lines(tmp_path):
    text = lines(50)
    path = tmp_path / "text.txt"
    path.write_text(text)
    _, stretches, notes = cut(path, validation="0.1", test="0.2")
    found = {name: "".join(part.texts()) for name, part in stretches.items()}
    assert found["training"] + found["validation"] + found["test"] == text
    assert all(part.endswith("\n") for part in found.values())
    assert len(found["test"]) == pytest.approx(0.2 * len(text), abs=60)
    assert len(found["validation"]) == pytest.approx(0.1 * len(text), abs=120)
    assert f"{len(found['training']):,} for training" in notes[-1]


def test_a_single_line_is_cut_where_asked(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("x" * 1000)
    _, stretches, _ = cut(path, validation="0.1", test="0.2")
    assert {name: part.stop - part.start for name, part in stretches.items()} == {
        "training": 700,
        "validation": 100,
        "test": 200,
    }


def test_files_are_taken_whole(tmp_path):
    for name, count in (("train", 40), ("valid", 10), ("test", 5)):
        (tmp_path / name).write_text(lines(count, seed=count))
    _, stretches, _ = cut(tmp_path / "train", validation=str(tmp_path / "valid"), test=str(tmp_path / "test"))
    for name, file in (("training", "train"), ("validation", "valid"), ("test", "test")):
        assert "".join(stretches[name].texts()) == (tmp_path / file).read_text()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"validation": "0.1", "test": "none.txt"}, "test is 'none.txt': expected a share .* or a file, and there is"),
        ({"validation": "0", "test": "0.1"}, "validation is 0: expected a share between 0 and 1"),
        ({"validation": "0.5", "test": "0.5"}, "leave nothing to learn from"),
    ],
)
def test_wrong_parts_are_refused(options, complaint, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(lines(5))
    with pytest.raises(ConfigError, match=complaint):
        cut(path, **options)


def test_the_text_itself_is_no_test(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(lines(5))
    with pytest.raises(DataError, match="is the text to learn from"):
        cut(path, validation="0.1", test=str(path))
