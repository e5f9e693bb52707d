from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from recurra.cli import main
from tasks.tag.sentences import parts_of_speech, tiny, write

CONLLU = """# sent_id = 1
# text = the cats runs
1-2\tthecats\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No
1\tthe\tthe\tX\tDT\t_\t2\tdet\t_\t_
2\tcats\tcat\tX\tNNS\t_\t3\tnsubj\t_\t_
2.1\tghost\t_\t_\t_\t_\t_\t_\t_\t_
3\truns\trun\tX\tVBZ\t_\t0\troot\t_\tKept=Yes

"""


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "model"
    tiny(epochs=6).fit(parts_of_speech(80), progress="none").save(path)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_fit_says_what_it_found_and_reached(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    train, dev = write(tmp_path / "train.conll", parts_of_speech(60)), write(tmp_path / "dev.conll", parts_of_speech(9))
    small = ("--epochs", "1", "--hidden-size", "4", "--word-size", "4", "--threads", "1")
    code, out, err = run(capsys, "fit", "tag", train, "--validation", dev, "--test", dev, *small, "--quiet")
    assert (code, err) == (0, "")
    assert "most frequent tag" in out
    assert (tmp_path / "train-model" / "report.html").is_file()
    code, out, _ = run(capsys, "evaluate", tmp_path / "train-model", dev, "--json")
    assert json.loads(out)["scores"]["task"] == "tag"


def test_texts_are_tagged(model: Path, capsys) -> None:
    code, out, _ = run(capsys, "predict", model, "--text", "the cats runs")
    assert (code, out) == (0, "the\tDET\ncats\tNOUN\nruns\tVERB\n\n")
    out = run(capsys, "predict", model, "--text", "the cats", "--text", "runs", "--json")[1]
    assert [each["words"] for each in json.loads(out)["sentences"]] == [["the", "cats"], ["runs"]]


def test_conllu_keeps_all_but_the_tags(model: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "a.conllu").write_text(CONLLU, encoding="utf-8")
    code, out, _ = run(capsys, "predict", model, tmp_path / "a.conllu")
    # What these tags are wasn't named when the model was fitted, so that they go where CoNLL-U keeps other things.
    expected = CONLLU.replace("det\t_\t_", "det\t_\tTag=DET").replace("nsubj\t_\t_", "nsubj\t_\tTag=NOUN")
    assert (code, out) == (0, expected.replace("Kept=Yes", "Kept=Yes|Tag=VERB"))


@pytest.mark.parametrize(("name", "lines"), [("a.txt", 2), ("a.conll", 3)])
def test_plain_text_and_words_on_lines(model: Path, tmp_path: Path, capsys, name: str, lines: int) -> None:
    text = "the cats runs\nthe dog sees the tree\n" if lines == 2 else "the\ncats\nruns\n\nthe\ndog\n\ncats\n"
    (tmp_path / name).write_text(text, encoding="utf-8")
    for ending in ("json", "tsv", "conllu"):
        code, _, _ = run(capsys, "predict", model, tmp_path / name, "--out", tmp_path / f"tags.{ending}")
        assert code == 0
    document = json.loads((tmp_path / "tags.json").read_text(encoding="utf-8"))
    assert len(document) == lines
    assert document[0] == {"words": ["the", "cats", "runs"], "tags": ["DET", "NOUN", "VERB"]}
    assert (tmp_path / "tags.tsv").read_text(encoding="utf-8").startswith("the\tDET\ncats\tNOUN\nruns\tVERB\n\n")
    assert "\n2\tcats\t" in (tmp_path / "tags.conllu").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "neither a file nor --text was given"),
        (("a.txt", "--text", "a"), "both a file and --text were given"),
        (("--text", "a", "--out", "tags.xls"), "unknown ending '.xls'. Use one of .conllu, .tsv, .json."),
        (("nowhere.conllu",), "No such file: nowhere.conllu."),
        (("--text", "a", "--prompt", "b"), "--prompt is for models of fit generate"),
    ],
)
def test_what_cannot_be_tagged(model: Path, capsys, arguments, complaint) -> None:
    code, out, err = run(capsys, "predict", model, *arguments)
    assert (code, out) == (2, "")
    assert complaint in err


def test_a_tagger_of_both_ways_takes_lines_but_no_text_without_end(model: Path) -> None:
    command = [sys.executable, "-m", "recurra.cli", "stream", str(model)]
    done = subprocess.run(command, input="the cats\n", capture_output=True, text=True, check=True)
    assert [word["word"] for word in json.loads(done.stdout)["words"]] == ["the", "cats"]
    done = subprocess.run([*command, "--continuous"], input="the cats\n", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--no-bidirectional" in done.stderr
