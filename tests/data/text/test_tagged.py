from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from recurra.data.text import Sentence, WordTokeniser, read_tagged, write_conllu
from recurra.errors import DataError

UNIVERSAL = """# sent_id = 1
# text = Don't go.
1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=Yes
1\tDo\tdo\tAUX\tVB\t_\t3\taux\t_\t_
2\tn't\tnot\tPART\tRB\t_\t3\tadvmod\t_\t_
3\tgo\tgo\tVERB\tVB\t_\t0\troot\t_\tSpaceAfter=No
3.1\tgone\tgo\tVERB\tVBN\t_\t_\t_\t0:root\t_
4\t.\t.\tPUNCT\t.\t_\t3\tpunct\t_\t_

1\t好\t好\tADJ\tJJ\t_\t0\troot\t_\t_

"""
WORDS = "-DOCSTART- O\n\nEU NNP B-ORG\nrejects VBZ O\n\n# NN O\nGermany NNP B-LOC\n"


def write(folder: Path, content: str | bytes, name: str = "words.conll") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("pack", [str.encode, lambda text: gzip.compress(text.encode())])
def test_universal_files_are_read_and_written_back(tmp_path: Path, pack) -> None:
    tagged = read_tagged(write(tmp_path, pack(UNIVERSAL)))
    assert (tagged.layout, tagged.column) == ("conllu", "upos")
    assert [sentence.words for sentence in tagged.sentences] == [("Do", "n't", "go", "."), ("好",)]
    assert tagged.sentences[0].tags == ("AUX", "PART", "VERB", "PUNCT")
    assert tagged.sentences[1].place.endswith("words.conll, line 10")
    tags = [sentence.tags for sentence in tagged.sentences]
    assert write_conllu(tagged.sentences, tags, "upos") == UNIVERSAL
    changed = write_conllu(tagged.sentences, [("X",) * 4, ("Y",)], "upos")
    assert changed == UNIVERSAL.replace("AUX", "X").replace("PART", "X").replace("go\tgo\tVERB", "go\tgo\tX").replace(
        "PUNCT", "X"
    ).replace("ADJ", "Y")


def test_other_columns_and_new_ones(tmp_path: Path) -> None:
    tagged = read_tagged(write(tmp_path, UNIVERSAL), column="XPOS")
    assert tagged.sentences[0].tags == ("VB", "RB", "VB", ".")
    lines = write_conllu(tagged.sentences[:1], [("B-X", "I-X", "O", "O")], "ner").split("\n")
    assert lines[3].endswith("\t_\tTag=B-X")
    assert lines[5].endswith("\tSpaceAfter=No|Tag=O")
    assert lines[6] == UNIVERSAL.split("\n")[6]


def test_tables_are_not_taken_for_sentences(tmp_path: Path) -> None:
    path = write(tmp_path, '{"text": "He came.", "label": 1}\n{"text": "He went out.", "label": 0}\n', "a.jsonl")
    with pytest.raises(DataError, match=r"a\.jsonl is a table by its name; expected text, a sentence on each line"):
        read_tagged(path, needs_tags=False, tokeniser=WordTokeniser())


def test_a_usual_column_is_taken_where_the_file_has_it(tmp_path: Path) -> None:
    universal, words = write(tmp_path, UNIVERSAL, "u"), write(tmp_path, WORDS, "w")
    found = [read_tagged(path, usual=usual).column for path in (universal, words) for usual in ("xpos", "2", "")]
    assert found == ["xpos", "upos", "upos", "3", "2", "3"]
    with pytest.raises(DataError, match="no tags in '2'"):
        read_tagged(universal, column="2")


def test_words_without_a_file_can_be_written() -> None:
    sentence = Sentence(("so", "a\tb"), (), "here")
    assert write_conllu([sentence], [("X", "Y")], "upos") == (
        "# text = so a b\n1\tso\t_\tX\t_\t_\t_\t_\t_\t_\n2\ta b\t_\tY\t_\t_\t_\t_\t_\t_\n\n"
    )
    assert write_conllu([], [], "upos") == ""


@pytest.mark.parametrize("lost", [("\t_\n", "\n"), ("\t", " ")])
def test_numbered_words_are_universal_whatever_was_lost(tmp_path: Path, lost: tuple[str, str]) -> None:
    content = UNIVERSAL.replace("\tSpaceAfter=No", "\t_").replace("\tSpaceAfter=Yes", "\t_").replace(*lost)
    with pytest.raises(DataError, match=r"line 3: .* columns?; expected the 10 of CoNLL-U, cut by tabs"):
        read_tagged(write(tmp_path, content))
    path = write(tmp_path, "3 men came in\n12 men went out\n", "plain.txt")
    assert read_tagged(path, needs_tags=False, tokeniser=WordTokeniser()).layout == "text"


@pytest.mark.parametrize("sign", [" ", "\t"])
def test_columns_with_tabs_or_spaces(tmp_path: Path, sign: str) -> None:
    content = WORDS.replace("-DOCSTART- O", "-DOCSTART- -X- O").replace(" ", sign)
    tagged = read_tagged(write(tmp_path, content.replace("\n", "\r\n")))
    assert [sentence.words for sentence in tagged.sentences] == [("EU", "rejects"), ("#", "Germany")]
    assert [sentence.tags for sentence in tagged.sentences] == [("B-ORG", "O"), ("O", "B-LOC")]
    assert (tagged.layout, tagged.column) == ("conll", "3")
    assert read_tagged(write(tmp_path, content), column="2").sentences[0].tags == ("NNP", "VBZ")


def test_one_character_a_line_in_an_archive(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("msra.txt", "\ufeff\n中\tB-LOC\n国\tI-LOC\n\n我\tO\n\u3000\tO\n".encode("utf-8-sig"))
    tagged = read_tagged(write(tmp_path, out.getvalue(), "msra.zip"))
    assert [sentence.words for sentence in tagged.sentences] == [("中", "国"), ("我", "\u3000")]
    assert tagged.notes == ("2 sentences of 4 characters, one character a line, tags in column 2.",)


def test_what_needs_no_tags(tmp_path: Path) -> None:
    words = read_tagged(write(tmp_path, "It\nworks\n\nNow\n"), needs_tags=False)
    assert [sentence.words for sentence in words.sentences] == [("It", "works"), ("Now",)]
    assert (words.sentences[0].tags, words.column) == ((), "")
    text = "It works, don't you think so?\n\nYes.\nI see no reason why not\nNone at all\n"
    plain = read_tagged(write(tmp_path, text), needs_tags=False, tokeniser=WordTokeniser())
    assert plain.layout == "text"
    assert [len(sentence.words) for sentence in plain.sentences] == [9, 2, 6, 3]
    assert plain.sentences[1].place.endswith("line 3")
    one = read_tagged(write(tmp_path, "I love New York\n"), needs_tags=False, tokeniser=WordTokeniser())
    assert one.sentences[0].words == ("I", "love", "New", "York")
    given = read_tagged([["It", "works"], ["Now"]], needs_tags=False)
    assert [sentence.words for sentence in given.sentences] == [("It", "works"), ("Now",)]
    assert read_tagged([(["It", "works"], ["P", "V"])]).sentences[0].tags == ("P", "V")


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (UNIVERSAL.replace("3\tgo\tgo\tVERB", "3\tgo\tVERB"), {}, "line 6: 9 columns; expected the 10 of CoNLL-U"),
        (UNIVERSAL.replace("4\t.\t.", "5\t.\t."), {}, "line 8: the word has number '5'; expected 4"),
        (UNIVERSAL.replace("1-2\t", "2-3\t"), {}, "line 3: the token 2-3 doesn't begin at the next word, 1"),
        (UNIVERSAL.replace("1\t好", "1\t"), {}, "line 10: the word is missing"),
        (UNIVERSAL, {"column": "ner"}, "has no tags in 'ner'; expected one of upos, xpos"),
        (UNIVERSAL, {"column": "feats"}, "all of column feats is empty"),
        ("EU\tB\nrejects\tO\tX\n", {}, "line 2: 3 fields in .*; expected 2 as in the lines before"),
        ("EU\tB\nrejects\t\n", {}, "line 2: the tag is missing"),
        ("EU\tB\n\tO\n", {}, "line 2: the word is missing"),
        ("EU\nrejects\n", {}, "line 1: 'EU' holds a word only; expected a word and its tag"),
        ("EU B\nrejects O\n", {"column": "3"}, "has 2 columns and no tags in 3; expected 2 to 2"),
        ("EU B\nrejects O\n", {"column": "upos"}, "has columns without names, so 'upos' isn't one"),
        ("One of many a plain sentence.\nShort.\nNot so short.\nA b c d\n", {}, "holds plain text; expected a word"),
        ("", {}, "is empty"),
        ("\n\n", {}, "holds no words"),
        (b"EU\tB-\xff\xfe\x00\x01\x02\x03\x04\n", {}, "binary data"),
    ],
)
def test_what_is_malformed(tmp_path: Path, content: str | bytes, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_tagged(write(tmp_path, content), **options)


def test_lists_that_are_no_sentences() -> None:
    with pytest.raises(DataError, match="Sentence 1 of the list"):
        read_tagged([["fine"], "not so"], needs_tags=False)
    with pytest.raises(DataError, match="pair of words and their tags"):
        read_tagged([(["a", "b"], ["X"])])


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "sentences"),
    [
        ("ud_english_ewt/en_ewt-ud-dev.conllu.gz", 2001),
        ("wnut17/emerging.test.annotated", 1287),
        ("msra_ner_zh/dh_msra.zip", 55289),
    ],
)
def test_real_tags(data_dir: Path, name: str, sentences: int) -> None:
    assert len(read_tagged(data_dir / "tag" / name).sentences) == sentences
