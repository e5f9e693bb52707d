from __future__ import annotations

import csv
import json

import polars as pl
import pytest

from recurra.cli import main
from tasks.classify.reviews import OPTIONS, reviews, waves

FLAGS = [part for name, value in OPTIONS.items() for part in (f"--{name.replace('_', '-')}", str(value))]


def write(path, rows) -> str:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return str(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A folder with a model, and the file it was fitted on."""
    folder = tmp_path_factory.mktemp("classify")
    write(folder / "reviews.csv", reviews(240))
    arguments = ["fit", "classify", str(folder / "reviews.csv"), "--out", str(folder / "model"), "--quiet", *FLAGS]
    assert main(arguments) == 0
    return folder / "model"


def test_fitting_says_how_good_it_is(tmp_path, capsys) -> None:
    data = write(tmp_path / "reviews.csv", reviews(120))
    assert main(["fit", "classify", data, "--out", str(tmp_path / "model"), "--epochs", "1", *FLAGS[2:]]) == 0
    said = capsys.readouterr().out
    assert "tokeniser" in said and "tfidf + logistic regression" in said and "predict" in said
    assert (tmp_path / "model" / "report.html").exists()


def test_texts_on_the_command_line(model, capsys) -> None:
    assert main(["predict", str(model), "--text", "a lovely film", "--text", "awful acting"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["good", "bad"]
    assert main(["predict", str(model), "--text", "a lovely film", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["answers"][0]["label"] == "good"


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_a_file_is_answered(model, tmp_path, suffix, capsys) -> None:
    data = write(tmp_path / "new.csv", [("a lovely film", ""), ("", "unknown"), ('awful, "dull"\nplot', "")])
    out = tmp_path / f"labels{suffix}"
    assert main(["predict", str(model), data, "--out", str(out)]) == 0
    read = {".csv": pl.read_csv, ".json": pl.read_json, ".parquet": pl.read_parquet}[suffix]
    frame = read(out)
    assert frame.columns == ["text", "label", "probability", "p_bad", "p_good"]
    assert frame["label"][0] == "good" and frame["label"][2] == "bad"


@pytest.mark.parametrize("name", ["new.csv", "new.txt", "new.jsonl"])
def test_without_torch_a_file_is_answered_alike(model, tmp_path, name, capsys) -> None:
    texts = ["a lovely film", "awful acting of the plot", "the cold plot"]
    content = {
        "new.csv": "text\n" + "".join(f"{text}\n" for text in texts),
        "new.txt": "".join(f"{text}\n" for text in texts),
        "new.jsonl": "".join(json.dumps({"text": text}) + "\n" for text in texts),
    }
    (tmp_path / name).write_text(content[name])
    answers = []
    for more in ([], ["--runtime"]):
        assert main(["predict", str(model), str(tmp_path / name), "--json", *more]) == 0
        answers.append(json.loads(capsys.readouterr().out)["answers"])
    assert [row["text"] for row in answers[1]] == texts
    for one, other in zip(*answers, strict=True):
        assert one["label"] == other["label"] and one["p_good"] == pytest.approx(other["p_good"], abs=1e-5)


def test_a_column_is_known_by_its_own_name(tmp_path, capsys) -> None:
    lines = (f"{label},{text}\n" for text, label in reviews(60))
    (tmp_path / "opinions.csv").write_text("".join(["stars,opinion\n", *lines]))
    out = tmp_path / "model"
    fit = ["fit", "classify", str(tmp_path / "opinions.csv"), "--label", "stars", "--out", str(out)]
    assert main([*fit, "--quiet", *FLAGS]) == 0
    capsys.readouterr()
    assert json.loads((out / "manifest.json").read_text())["inputs"]["column"] == "opinion"
    for more in ([], ["--runtime"]):
        assert main(["predict", str(out), str(tmp_path / "opinions.csv"), "--json", *more]) == 0
        answers = json.loads(capsys.readouterr().out)["answers"]
        assert len(answers) == 60 and "opinion" in answers[0]
    (tmp_path / "other.csv").write_text("words\na film\n")
    assert main(["predict", str(out), str(tmp_path / "other.csv"), "--runtime"]) == 2
    assert "has no column 'opinion'. Its columns: words." in capsys.readouterr().err


def test_series_of_numbers(tmp_path, capsys) -> None:
    data = tmp_path / "waves.csv"
    waves(60).write_csv(data)
    out = str(tmp_path / "model")
    assert main(["fit", "classify", str(data), "--series", "id", "--out", out, "--quiet", *FLAGS]) == 0
    capsys.readouterr()
    answers = []
    for more in ([], ["--runtime"]):
        assert main(["predict", out, str(data), "--json", *more]) == 0
        answers.append(json.loads(capsys.readouterr().out)["answers"])
    assert [row["id"] for row in answers[0]] == [f"s{number}" for number in range(60)]
    assert [row["label"] for row in answers[0]] == [row["label"] for row in answers[1]]
    for count in (1, 2):
        waves(count, seed=5).write_csv(tmp_path / "few.csv")
        assert main(["evaluate", out, str(tmp_path / "few.csv"), "--quiet"]) == 0
        assert capsys.readouterr().out.startswith(f"On {count} series of ")


def test_evaluated_on_its_own_file_the_test_part_counts(model, capsys) -> None:
    assert main(["evaluate", str(model), str(model.with_name("reviews.csv")), "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)["scores"]
    assert scores["counts"]["texts"] == 24 and "tfidf + logistic regression" in scores["baselines"]
    assert main(["evaluate", str(model), str(model.with_name("reviews.csv"))]) == 0
    said = capsys.readouterr().out
    assert said.startswith("On 24 texts of ") and "only their test part was scored" in " ".join(said.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prompt", "x"], "--prompt is for models of fit generate"),
        (["--all", "--text", "x"], "--all is for models of fit forecast"),
        ([], "neither a file nor --text was given"),
        (["no.csv"], "no.csv"),
        (["x.csv", "--text", "x"], "both a file and --text were given"),
        (["--text", "x", "--out", "labels.txt"], "unknown ending"),
    ],
)
def test_wrong_commands_are_told_in_a_line(model, arguments, message, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["predict", str(model), *arguments]) == 2
    said = capsys.readouterr().err.strip()
    assert message in said and "\n" not in said
