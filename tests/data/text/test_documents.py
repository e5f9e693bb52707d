from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from recurra.data.text import Documents, read_documents
from recurra.errors import DataError

ROWS = [("a fine film", "good"), ("dull, long", "bad"), ('she said "no"', "bad"), ("一部好电影 👍", "good")] * 5
LINES = "".join(f"{label} {text}\n" for text, label in ROWS)


def write(folder: Path, content: str | bytes, name: str = "reviews.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def same(documents: Documents) -> None:
    assert list(documents.texts) == [text for text, _ in ROWS]
    assert documents.labels == tuple((label,) for _, label in ROWS)
    assert not documents.multi
    assert documents.notes[0].endswith("with 2 labels: bad, good.")


def test_columns_are_found_and_said(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": range(20), "sentiment": [b for _, b in ROWS], "review": [a for a, _ in ROWS]})
    frame.write_csv(tmp_path / "a.csv")
    frame.write_csv(tmp_path / "a.tsv", separator="\t")
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_ndjson(tmp_path / "a.jsonl")
    frame.write_json(tmp_path / "a.json")
    for source in (*tmp_path.iterdir(), frame, frame.to_pandas()):
        documents = read_documents(source)
        same(documents)
        assert "Texts are in column 'review', labels in 'sentiment'." in documents.notes
    same(read_documents(frame, text="review", label="sentiment"))
    same(read_documents(documents := read_documents(frame)))
    assert read_documents(documents) is documents


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("lines.txt", LINES),
        ("lines", LINES),
        ("lines.txt", LINES.replace("\n", "\r\n").encode("utf-8-sig")),
        ("lines.txt.gz", gzip.compress(LINES.encode())),
        ("lines.txt", LINES.encode("gb18030").replace("👍".encode("gb18030"), "👍".encode("gb18030"))),
        ("spam.tsv", "".join(f"{label}\t{text}\n" for text, label in ROWS)),
        ("spam.txt", "".join(f"{text}\t{label}\n" for text, label in ROWS)),
        ("fast.txt", "".join(f"__label__{label} {text}\n" for text, label in ROWS)),
    ],
)
def test_lines_with_their_label(tmp_path: Path, name: str, content: str | bytes) -> None:
    documents = read_documents(write(tmp_path, content, name))
    same(documents)
    assert documents.place(3) == f"{tmp_path / name}, line 4"


def test_a_folder_for_each_label(tmp_path: Path) -> None:
    for label, texts in {"pos": ["fine\n", ""], "neg": ["dull"]}.items():
        (tmp_path / label).mkdir()
        for at, text in enumerate(texts):
            write(tmp_path / label, text, f"{at}.txt")
    documents = read_documents(tmp_path)
    assert list(documents.texts) == ["dull", "fine\n", ""]
    assert documents.labels == (("neg",), ("pos",), ("pos",))
    assert documents.place(0) == str(tmp_path / "neg" / "0.txt")
    assert "1 text is empty; kept." in documents.notes
    write(tmp_path, "x", "README")
    with pytest.raises(DataError, match="holds files beside its folders, for instance README"):
        read_documents(tmp_path)


def test_trees_give_sentences_or_phrases(tmp_path: Path) -> None:
    path = write(tmp_path, "(3 (2 It) (4 (2 just) (4 works)))\n(1 (2 Not) (1 it))\n", "trees.txt")
    assert list(read_documents(path).texts) == ["It just works", "Not it"]
    documents = read_documents(path, phrases=True)
    assert documents.labels is not None
    assert list(zip(documents.texts, [label for (label,) in documents.labels], strict=True)) == [
        ("It", "2"), ("just", "2"), ("works", "4"), ("just works", "4"), ("It just works", "3"),
        ("Not", "2"), ("it", "1"), ("Not it", "1"),
    ]  # fmt: skip
    assert documents.place(5) == f"{path}, line 2"


def test_a_broken_tree_names_its_line(tmp_path: Path) -> None:
    good = "(3 (2 It) (4 works))\n"
    with pytest.raises(DataError, match=r"trees\.txt, line 61: brackets don't match"):
        read_documents(write(tmp_path, good * 60 + "(3 (2 It) (4 works)\n", "trees.txt"))


def test_several_labels_in_a_cell(tmp_path: Path) -> None:
    path = write(tmp_path, "text,topics\na b c,x;y\nb c d,x\nc d e,\nd e f,y; x\n")
    documents = read_documents(path, label="topics", separator=";")
    assert documents.multi
    assert documents.labels == (("x", "y"), ("x",), (), ("y", "x"))
    assert "1 text has none of the labels." in documents.notes
    frame = pl.DataFrame({"text": ["a", "b"], "topics": [["x", "y"], []]})
    assert read_documents(frame, label="topics").labels == (("x", "y"), ())
    fast = write(tmp_path, "__label__x __label__y one\n__label__x two\n", "fast.txt")
    assert read_documents(fast).labels == (("x", "y"), ("x",))


def test_labels_made_of_others_are_said(tmp_path: Path) -> None:
    path = write(tmp_path, "text,topics\na b c,x | y\nb c d,x\nc d e,y\n")
    said = "Label 'x | y' holds several others; if it is to mean all of them, pass --separator '|'."
    assert said in read_documents(path, label="topics").notes
    assert said not in read_documents(path, label="topics", separator="|").notes
    path = write(tmp_path, "text,topics\na b c,rock/pop\nb c d,rock\nc d e,jazz\n")
    assert not any("separator" in note for note in read_documents(path, label="topics").notes)


def test_empty_texts_are_kept_and_rows_without_label_are_not(tmp_path: Path) -> None:
    path = write(tmp_path, 'text,label\nfine one,1\n,0\n"so\nso",0\nbad one,\n" ",1\n')
    documents = read_documents(path)
    assert list(documents.texts) == ["fine one", "", "so so", " "]
    assert documents.place(3) == f"{path}, row 7"
    assert "2 texts are empty; kept as they are." in documents.notes
    assert any("1 row has no label: left out" in note and "row 6" in note for note in documents.notes)


def test_labels_may_be_numbers() -> None:
    frame = pd.DataFrame({"text": ["a b", "c d", "e"], "label": [1.0, 0.0, None]})
    assert read_documents(frame).labels == (("1",), ("0",))


def test_what_needs_no_labels(tmp_path: Path) -> None:
    plain = read_documents(write(tmp_path, "It is.\n\nIt was, long ago.\n", "plain.txt"), needs_labels=False)
    assert (list(plain.texts), plain.labels) == (["It is.", "", "It was, long ago."], None)
    table = read_documents(write(tmp_path, "text\nIt is.\nIt was.\n"), label="label", needs_labels=False)
    assert (list(table.texts), table.labels) == (["It is.", "It was."], None)
    assert list(read_documents(["a", ""], needs_labels=False).texts) == ["a", ""]
    pairs = read_documents([("a", "x"), ("b", ("x", "y"))])
    assert pairs.labels == (("x",), ("x", "y"))
    assert pairs.multi


def test_every_character_survives(tmp_path: Path) -> None:
    texts = ["NUL \0 inside", "e\u0301 👨\u200d👩\u200d👧", "שלום עולם", "line \u2028 and \x85 stay", "x" * 100_000]
    table = pl.DataFrame({"text": texts * 6, "label": list("abcde") * 6})
    table.write_csv(tmp_path / "a.csv")
    table.write_ndjson(tmp_path / "a.jsonl")
    write(tmp_path, "".join(f"{label}\t{text}\n" for text, label in table.iter_rows()), "a.txt")
    for path in tmp_path.iterdir():
        assert list(read_documents(path).texts) == texts * 6, path


TABLE = "".join(f"row {at} of text,{at % 2},{at},{at % 3}\n" for at in range(20))


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("text,kind,n,m\n" + TABLE, {"label": "kin"}, r"'kin' \(asked for as label\). Did you mean 'kind'\? Its"),
        ("text,kind,n,m\n" + TABLE, {"text": "txt"}, r"Did you mean 'text'\? Its columns: text, kind, n, m"),
        ("text,kind,n,m\n" + TABLE, {"text": "n"}, "'n' holds numbers, asked for as text. Columns with text: text"),
        ("text,kind,n,m\n" + TABLE, {}, "which column holds the label.*several may hold labels: kind, m.*--label kind"),
        ("text,kind,n,m\n" + TABLE, {"label": "text", "text": "text"}, "asked for as text and as label"),
        ("n,m\n1,2\n3,4\n", {}, "has no column of text; its columns: n, m"),
        ("text,label\na b,\nb c,\n", {}, "column 'label' is empty"),
        ("text,label\n" + "".join(f"a b {at},v{at}\n" for at in range(30)), {}, "30 different values in 30 rows"),
        ("a,b\nsome words here and more,other words there and more\nsay it again,so\n", {}, "both hold text"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_table(tmp_path: Path, content: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_documents(write(tmp_path, content), **options)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "It is.\nThey were.\nWho knows?\nNot me.\n", "has texts but no labels; expected lines that start"),
        ("a.txt", "", "is empty"),
        ("a.txt", " \n\n", "only white space"),
        ("a.txt", bytes(range(256)) * 9, "isn't a text file: it holds binary data"),
        ("a.txt", "größer Straße Übung\n".encode() * 9 + b"caf\xe9 zu", "UTF-8 but for the byte at offset 219"),
        ("a.jsonl", '{"text": "a"}\n{"text": \n', "a.jsonl, line 2 isn't JSON"),
        ("a.jsonl", '{"text": "a", "label": "b"}\n3\n', "a.jsonl, line 2 is no JSON object"),
        ("a.txt", "x\tone\ny\ttwo\n" * 1001 + "x three\n", "a.txt, line 2003: no tab"),
        ("a.txt", "__label__x one\n" * 2001 + "two\n", "a.txt, line 2002: no __label__ in front"),
    ],
)
def test_what_is_wrong_with_lines(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_documents(write(tmp_path, content, name))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_documents(tmp_path / "nothing.txt")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "count", "labels"),
    [
        ("chnsenticorp/ChnSentiCorp_htl_all.csv", 7766, 2),
        ("airline_tweets/tweets.csv", 14640, 3),
        ("sst/stsa.binary.train", 6920, 2),
        ("sst/trees/train.only8544.txt", 8544, 5),
    ],
)
def test_real_texts(data_dir: Path, name: str, count: int, labels: int) -> None:
    documents = read_documents(data_dir / "text" / name)
    assert documents.labels is not None
    assert (len(documents.texts), len(set(documents.labels))) == (count, labels)
