"""Models that torch made, run where there is none: loaded, pushed to, streamed, predicted with."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from recurra import Generator
from recurra.cli import main
from recurra.runtime import load
from tasks.classify import reviews
from tasks.forecast.conftest import hourly
from tasks.forecast.live_cases import COVARIATES, LiveCase, fit
from tasks.generate.texts import QUICK, lines
from tasks.tag import sentences

# What the training side brings; the runtime may import none of it.
TRAINING = ["torch", "polars", "narwhals", "sklearn", "scipy", "pandas", "lightning_fabric", "matplotlib", "jinja2"]
Program = Callable[..., subprocess.CompletedProcess[str]]


class Made(NamedTuple):
    """A bundle, rows to push to it as CSV, and what torch forecasts after them."""

    bundle: Path
    rows: Path
    forecast: pl.DataFrame


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    _, model = fit(LiveCase("", lambda: hourly(160), COVARIATES), folder / "shops")
    ahead = pl.int_range(pl.len()).over("shop") >= 155
    rows = hourly(160).with_columns(pl.when(ahead).then(None).otherwise(pl.col("y")).alias("y"))
    rows.write_csv(folder / "rows.csv")
    return Made(folder / "shops", folder / "rows.csv", model.predict(folder / "rows.csv"))


@pytest.fixture(
    params=[pytest.param("forbidden", marks=pytest.mark.slow), pytest.param("absent", marks=pytest.mark.packaging)]
)
def python(request: pytest.FixtureRequest, tmp_path: Path) -> Program:
    """Python whose imports of torch fail: this one, told so, or one in an environment of its own."""
    forbid = f"import sys; sys.modules.update(dict.fromkeys({TRAINING}));"
    program = sys.executable if request.param == "forbidden" else request.getfixturevalue("environment") / "python"
    begin = forbid if request.param == "forbidden" else ""

    def run(code: str, *arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [program, "-W", "error", "-c", begin + code, *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, cwd=tmp_path, encoding="utf-8")

    return run


COMMAND = "import sys; from recurra.cli import main; sys.exit(main())"


def test_a_session_is_what_it_is_beside_torch(python: Program, made: Made):
    rows = [row for row in pl.read_csv(made.rows).to_dicts() if row["shop"] == "b"][:40]
    code = (
        "import json, sys; from recurra import runtime; model = runtime.load(sys.argv[1]); "
        "session = model.stream(id=['b']); answers = [session.push(row) for row in json.load(sys.stdin)]; "
        "again = model.restore(session.state()); assert again.steps == session.steps; "
        "print(json.dumps([model.document(answer) for answer in answers])); "
        "assert not {'torch', 'polars'} & {name for name in sys.modules if sys.modules[name]}"
    )
    done = python(code, made.bundle, stdin=json.dumps(rows))
    assert (done.returncode, done.stderr) == (0, "")
    model = load(made.bundle)
    session = model.stream(id=["b"])
    assert json.loads(done.stdout) == [model.document(session.push(row)) for row in rows]


def test_predict_gives_what_torch_gives(python: Program, made: Made, tmp_path: Path):
    done = python(COMMAND, "predict", made.bundle, made.rows)
    assert (done.returncode, done.stderr) == (0, "")
    found = pl.read_csv(done.stdout.encode(), try_parse_dates=True)
    assert_frame_equal(found, made.forecast, rel_tol=1e-4, abs_tol=1e-4)
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    done = python(COMMAND, "predict", made.bundle, "rows.parquet")
    assert done.returncode == 2
    assert "pip install 'recurra[train]'" in done.stderr


def test_stream_answers_each_row(python: Program, made: Made):
    lines = made.rows.read_text(encoding="utf-8").splitlines()[:50]
    done = python(COMMAND, "stream", made.bundle, "--state", "place", stdin="\n".join(lines))
    assert (done.returncode, done.stderr) == (0, "50 lines, 1 sequence, 0 bad lines\n")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["step"] for answer in answers] == list(range(1, 50))
    assert answers[-1]["ready"] and len(answers[-1]["times"]) == 5


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle of each kind of text model; the tagger and the classifier read both ways."""
    folder = tmp_path_factory.mktemp("texts")
    reviews.tiny(epochs=2).fit(reviews.reviews(120), progress="none").save(folder / "classify")
    sentences.tiny().fit(sentences.parts_of_speech(60), progress="none").save(folder / "tag")
    (folder / "lines.txt").write_text(lines(120), encoding="utf-8")
    Generator(**QUICK).fit(folder / "lines.txt", progress="none").save(folder / "generate")
    return folder


@pytest.mark.parametrize(
    ("task", "arguments"),
    [
        ("classify", ["--text", "a fine film", "--text", "é 🙂", "--json"]),
        ("tag", ["--text", "the cat runs", "--json"]),
        ("generate", ["--prompt", "The quick", "--length", "40", "--temperature", "0"]),
    ],
)
def test_texts_are_answered_as_beside_torch(python: Program, texts: Path, capfd, task: str, arguments: list[str]):
    assert main(["predict", str(texts / task), *arguments]) == 0
    expected = capfd.readouterr().out
    done = python(COMMAND, "predict", texts / task, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == expected != ""


@pytest.mark.packaging
def test_what_is_not_installed_is_named(environment: Path, made: Made):
    done = subprocess.run([environment / "recurra", "serve", made.bundle], capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install 'recurra[serve]'" in done.stderr
