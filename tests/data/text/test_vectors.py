from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from recurra.data.text import read_vectors
from recurra.errors import DataError

GLOVE = "the 0.5 -1 2e-1\n. . . 1 2 3\ncat 4 5 6\n"


@pytest.mark.parametrize("head", ["", "3 3\n"])
@pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode())])
def test_vectors_of_wanted_words(tmp_path: Path, head: str, pack) -> None:
    path = tmp_path / "vectors.txt"
    path.write_bytes(pack(head + GLOVE))
    vectors, width, notes = read_vectors(path, ["The", "cat", "dog"])
    assert width == 3
    assert {word: vector.tolist() for word, vector in vectors.items()} == {
        "The": pytest.approx([0.5, -1, 0.2]),
        "cat": [4, 5, 6],
    }
    assert vectors["cat"].dtype == np.float32
    assert notes == (f"3 word vectors of 3 numbers in {path}; 2 of 3 words have one.",)


def test_a_word_may_hold_spaces(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(GLOVE)
    assert read_vectors(path, [". . ."])[0][". . ."].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a 1 2 3\nb 1 2\n", "line 2: 'b' has 2 numbers; expected 3 as in the lines before"),
        ("a 1 2 3\nb 1 2 3 4\n", "line 2: 'b 1' has 4 numbers; expected 3"),
        ("9 4\na 1 2 3\n", "line 2: 'a' has 3 numbers; expected 4"),
        ("a 1 2 3\nb 1 x 3\n", "line 2: could not convert string to float: 'x'; expected 3 numbers"),
        ("a\n", "line 1: 'a' has 0 numbers"),
        ("", "holds no vectors"),
    ],
)
def test_vectors_of_the_wrong_width(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_vectors(path, ["a", "b"])


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_vectors(tmp_path / "no.txt", ["a"])
