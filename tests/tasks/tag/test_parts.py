from __future__ import annotations

from pathlib import Path

import pytest

from recurra.errors import ConfigError, DataError
from recurra.tasks.tag import TagConfig
from recurra.tasks.tag._parts import MOST_WORDS, mark, read_parts, unseen
from tasks.tag.sentences import parts_of_speech, write


def test_parts_from_files_and_shares(tmp_path: Path) -> None:
    train, dev = write(tmp_path / "a.conll", parts_of_speech(40)), write(tmp_path / "b.conll", parts_of_speech(9, 1))
    parts = read_parts(train, TagConfig(validation=str(dev), test="0.25"))
    assert (len(parts.validation), len(parts.training) + len(parts.test)) == (9, 40)
    assert 5 <= len(parts.test) <= 10
    assert (parts.column, parts.layout) == ("2", "conll")
    whole = read_parts(train, TagConfig(validation=str(dev), test=str(dev)))
    assert len(whole.training) == 40
    assert whole.digest == parts.digest


def test_equal_sentences_are_in_one_part() -> None:
    parts = read_parts(parts_of_speech(30) * 3, TagConfig(test="0.3", validation="0.2"))
    for name, others in (("test", ("training", "validation")), ("validation", ("training",))):
        learnt = mark(sentence for other in others for sentence in getattr(parts, other))
        assert len(unseen(getattr(parts, name), learnt)) == len(getattr(parts, name)) > 0


def test_repeats_between_official_parts_are_told(tmp_path: Path) -> None:
    train, dev = write(tmp_path / "a", parts_of_speech(40)), write(tmp_path / "b", parts_of_speech(10))
    parts = read_parts(train, TagConfig(validation=str(dev), test="0.1"))
    assert any("official parts are used as they come" in note for note in parts.notes)


def test_endless_sentences_are_cut() -> None:
    words, tags = ["a", "b"] * MOST_WORDS, ["X", "Y"] * MOST_WORDS
    parts = read_parts([*parts_of_speech(30), (words, tags)], TagConfig(test="0.2", validation="0.2"))
    assert max(len(sentence.words) for sentence in parts.training) <= MOST_WORDS


def test_a_missing_part_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"validation is 'dev\.conllu': there is no such file"):
        read_parts(parts_of_speech(30), TagConfig(validation="dev.conllu"))


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        ([], "holds no sentences"),
        ([["a", "b", "c"]], "words without tags"),
        ([(["a", "b", "c"], ["X"] * 3), (["d"], ["X"])], "have the tag 'X'"),
    ],
)
def test_what_cannot_be_learnt_from(sentences, message) -> None:
    with pytest.raises(DataError, match=message):
        read_parts(sentences, TagConfig(validation="0.5", test="0"))


def test_malformed_lines_are_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.conllu"
    path.write_text("1\ta\ta\tX\t_\t_\t_\t_\t_\t_\n3\tb\tb\tY\t_\t_\t_\t_\t_\t_\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"bad\.conllu, line 2"):
        read_parts(path, TagConfig())
