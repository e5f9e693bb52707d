"""`recurra stream` with models of texts: a line is a text, or lines go on one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cases import bundles, text_bundles
from cli.conftest import Outcome, Shell
from recurra.runtime import load

Feed = Callable[..., Outcome]

LINES = "the film is fine\n\nnot the {dog}\r\nParis שלום 🙂"
TEXTS = {1: "the film is fine", 3: "not the {dog}", 4: "Paris שלום 🙂"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    text_bundles.generator(folder / "writer")
    text_bundles.classifier(folder / "reviews")
    text_bundles.tagger(folder / "tagger")
    text_bundles.classifier(folder / "both", bidirectional=True)
    text_bundles.tagger(folder / "tagger_both", bidirectional=True)
    text_bundles.series_classifier(folder / "waves", bidirectional=True)
    bundles.characters(folder / "codes", hidden_size=6)
    return folder


@pytest.fixture
def feed(shell: Shell, models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Feed]:
    """`recurra stream MODEL` on an input that is there from the beginning."""
    opened = []

    def run(model: str, lines: str | bytes, *arguments: str) -> Outcome:
        path = shell.folder / "input"
        path.write_bytes(lines if isinstance(lines, bytes) else lines.encode())
        opened.append(path.open())
        monkeypatch.setattr("sys.stdin", opened[-1])
        return shell("stream", str(models / model), *arguments)

    yield run
    for file in opened:
        file.close()


def parsed(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def told(model: Any, answers: list[Any]) -> list[dict[str, Any]]:
    """Answers as they are printed."""
    return [json.loads(json.dumps(model.document(answer))) for answer in answers]


@pytest.mark.parametrize("name", ["reviews", "both", "tagger", "tagger_both"])
def test_each_line_is_a_text(feed: Feed, models: Path, name: str):
    outcome = feed(name, LINES)
    assert (outcome.code, outcome.err) == (0, "4 lines, 0 bad lines\n")
    model = load(models / name)
    answers = told(model, [each.answer for each in model.predict([*TEXTS.values()])])
    assert parsed(outcome.out) == [{"line": line, **said} for line, said in zip(TEXTS, answers, strict=True)]


def test_lines_go_on_the_text_of_a_language_model(feed: Feed, models: Path):
    outcome = feed("writer", LINES)
    model = load(models / "writer")
    session = model.stream()
    chunks = ["the film is fine\n", "\n", "not the {dog}\n", "Paris שלום 🙂\n"]
    answers = told(model, [session.push(chunk) for chunk in chunks])
    assert parsed(outcome.out) == [{"step": step, **said} for step, said in enumerate(answers, 1)]
    alone = parsed(feed("writer", LINES, "--no-continuous").out)
    assert [said["line"] for said in alone] == [1, 3, 4]
    assert "".join(piece["piece"] for piece in alone[1]["surprise"]) == "not the {dog}"


@pytest.mark.parametrize("name", ["reviews", "tagger", "writer"])
def test_a_stream_goes_on_where_it_stopped(feed: Feed, tmp_path: Path, name: str):
    lines = [f"the film {word} is\n" for word in ("fine", "dull", "not", "great")]
    whole = feed(name, "".join(lines), "--continuous").out
    kept = ["--continuous", "--state", str(tmp_path / "kept")]
    assert feed(name, "".join(lines[:2]), *kept).out + feed(name, "".join(lines[2:]), *kept).out == whole
    assert parsed(whole)[-1]["step"] == 4


def test_objects_name_many_texts_and_bad_lines_are_said(feed: Feed, models: Path):
    rows = [
        {"id": "a", "text": "the fi"},
        {"id": "b", "text": "dog"},
        {"id": "a", "text": 3},
        {"id": "a"},
        {"id": "a", "text": "lm is"},
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows) + "no object\n"
    outcome = feed("reviews", lines, "--continuous", "--id", "id")
    said = parsed(outcome.out)
    assert [(each["id"], each["step"], each["words"]) for each in said] == [(["a"], 1, 2), (["b"], 1, 1), (["a"], 2, 3)]
    reported = {line.partition(":")[0] for line in outcome.err.splitlines() if ":" in line}
    assert reported == {"line 3", "line 4", "line 6"}
    assert "6 lines, 2 sequences, 3 bad lines" in outcome.err
    alone = parsed(feed("reviews", lines, "--id", "id").out)
    assert [(each["id"], each["line"]) for each in alone] == [(["a"], 1), (["b"], 2), (["a"], 5)]
    assert alone[2]["words"] == 2


def test_a_line_that_looks_like_an_object_is_a_text_all_the_same(feed: Feed):
    (said,) = parsed(feed("tagger", "{the dog}\n").out)
    assert "".join(word["word"] for word in said["words"]) == "{thedog}"
    (said,) = parsed(feed("tagger", '{"text": "the dog"}\n', "--format", "text").out)
    assert len(said["words"]) > 2
    (said,) = parsed(feed("tagger", "text\nthe dog\n", "--format", "csv").out)
    assert [word["word"] for word in said["words"]] == ["the", "dog"]


def test_rows_of_a_table(feed: Feed):
    lines = feed("reviews", LINES, "--output", "csv").out.splitlines()
    assert lines[0] == "line,label,probability,p_good,p_bad,p_neither"
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "3", "4"]
    lines = feed("tagger", "the dog\nfine\n", "--output", "csv").out.splitlines()
    assert [line.split(",")[:2] for line in lines] == [["line", "word"], ["1", "the"], ["1", "dog"], ["2", "fine"]]


def test_bytes_that_are_no_text_are_bad_lines(feed: Feed):
    outcome = feed("tagger", b"the dog\nd\xfcll\nfine\n")
    assert [said["line"] for said in parsed(outcome.out)] == [1, 3]
    assert outcome.err.startswith("line 2: Byte 2 isn't UTF-8")
    assert feed("tagger", b"the dog\nd\xfcll\n", "--strict").code == 2


@pytest.mark.parametrize(
    ("model", "arguments", "words"),
    [
        ("both", ["--continuous"], "--no-bidirectional"),
        ("tagger_both", ["--continuous"], "--no-bidirectional"),
        ("waves", [], "--no-bidirectional"),
        ("reviews", ["--state", "kept"], "pass --continuous"),
        ("tagger", ["--history", "old"], "pass --continuous"),
        ("codes", ["--continuous"], "models of texts"),
        ("tagger", ["--id", "who"], "leave --id out"),
    ],
)
def test_what_cannot_be_is_said(feed: Feed, model: str, arguments: list[str], words: str):
    outcome = feed(model, "the dog\n", *arguments)
    assert (outcome.code, outcome.out) == (2, "") and words in outcome.err
