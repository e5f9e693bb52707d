from __future__ import annotations

import json

import pytest

from recurra.cli import main
from tasks.generate.texts import lines


@pytest.fixture
def here(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return folder


def test_fit_then_write_on(here, tmp_path, capsys):
    (tmp_path / "book.txt").write_text(lines(60))
    quick = ["--hidden-size", "8", "--epochs", "1", "--bptt", "16", "--threads", "1", "--quiet"]
    assert main(["fit", "generate", "book.txt", *quick]) == 0
    assert "kneser-ney-6" in capsys.readouterr().out
    assert main(["predict", "book-model", "--prompt", "The ", "--length", "20", "--seed", "1"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("The ")
    assert len(said.out.rstrip("\n")) <= 24
    assert said.err == ""


@pytest.mark.parametrize(
    ("line", "prompt"), [("酒店的房间很大，早餐也不错。", "'今天的天气'"), ("The fox runs away.", "'The weather is'")]
)
def test_what_to_try_next_is_in_the_script_of_the_text(tmp_path, monkeypatch, capsys, line, prompt):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.txt").write_text(f"{line}\n" * 60)
    assert main(["fit", "generate", "book.txt", "--hidden-size", "8", "--epochs", "1", "--threads", "1"]) == 0
    said = capsys.readouterr()
    assert f"predict book-model --prompt {prompt}\n" in said.out + said.err


def test_one_seed_writes_one_text(here, capsys):
    texts = []
    for seed in ("1", "1", "2"):
        assert main(["predict", str(here / "characters"), "--prompt", "The ", "--seed", seed, "--json"]) == 0
        texts.append(json.loads(capsys.readouterr().out)["text"])
    assert texts[0] == texts[1] != texts[2]
    assert len(texts[0]) == 500


def test_a_stop_may_be_written_with_escapes(here, capsys):
    assert main(["predict", str(here / "characters"), "--prompt", "The ", "--seed", "1", "--stop", r"\n"]) == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_a_file_may_be_gone_on_from(here, tmp_path, capsys):
    (tmp_path / "begun.txt").write_text("The quick ")
    model, options = str(here / "characters"), ["--seed", "3", "--length", "30", "--json"]
    assert main(["predict", model, "begun.txt", *options]) == 0
    from_file = json.loads(capsys.readouterr().out)["text"]
    assert main(["predict", model, "--prompt", "The quick ", *options]) == 0
    assert json.loads(capsys.readouterr().out)["text"] == from_file
    assert main(["predict", model, "begun.txt", "--prompt", "The "]) == 2


@pytest.mark.filterwarnings("default::UserWarning")
def test_an_unknown_character_is_said(here, capsys):
    assert main(["predict", str(here / "characters"), "--prompt", "The \u4e2d", "--length", "5"]) == 0
    assert "read as unknown: '\u4e2d'" in capsys.readouterr().err


@pytest.mark.filterwarnings("default::UserWarning")
def test_unknown_characters_of_a_file_are_said(here, tmp_path, capsys):
    (tmp_path / "foreign.txt").write_text("The \u4e2d\u6587\u4e2d" * 3)
    assert main(["predict", str(here / "characters"), "foreign.txt", "--length", "5"]) == 0
    assert "read as unknown: '\u4e2d', '\u6587'." in capsys.readouterr().err
    assert main(["evaluate", str(here / "characters"), "foreign.txt"]) == 0
    assert "9 of 21 pieces of this text are unknown, 42.86%" in " ".join(capsys.readouterr().out.split())


def test_text_can_go_to_a_file(here, tmp_path, capsys):
    assert main(["predict", str(here / "words"), "--prompt", "The quick", "--seed", "1", "--out", "on.txt"]) == 0
    assert (tmp_path / "on.txt").read_text().startswith("The quick")
    assert main(["predict", str(here / "words"), "--out", "on.txt"]) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--temperature", "-1"], "temperature is -1"),
        (["--length", "-5"], "length is -5"),
        (["--top-p", "2"], "top_p is 2"),
        (["--text", "a"], "--text"),
    ],
)
def test_wrong_flags_are_one_line(here, flags, complaint, capsys):
    assert main(["predict", str(here / "words"), "--prompt", "The ", *flags]) == 2
    said = capsys.readouterr()
    assert complaint in said.err
    assert said.out == ""  # nothing is written before options are known to be right


def test_int8_is_measured_by_the_task(here, capsys):
    text = str(here / "text.txt")
    arguments = ["compress", str(here / "characters"), text, "--int8", "--out", "small", "--accept-loss", "--json"]
    assert main(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    before, after = (document[side]["metrics"]["bits_per_character"] for side in ("before", "after"))
    assert after == pytest.approx(before, rel=0.02)
    assert main(["predict", "small", "--prompt", "The ", "--length", "5"]) == 0


def test_evaluate_may_follow_the_text(here, capsys):
    model, text = str(here / "characters"), str(here / "text.txt")
    for flags in (["--cache", "50"], ["--dynamic", "0.1"]):
        assert main(["evaluate", model, text, *flags, "--json"]) == 0
        assert "as trained" in json.loads(capsys.readouterr().out)["scores"]["baselines"]
    for flags in (["--cache", "0"], ["--dynamic", "-1"]):
        assert main(["evaluate", model, text, *flags]) == 2
        assert "expected" in capsys.readouterr().err
