from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from recurra import Forecaster
from recurra.cli import main

TINY = "--hidden-size 8 --epochs 1 --steps-per-epoch 3 --batch-size 8 --horizon 3 --context 14".split()


def daily(rows: int = 120, *, changes: dict[int, str] | None = None) -> str:
    """A table of daily units with a weekly season; `changes` replaces lines by their row in the file (header: 1)."""
    draw = np.random.default_rng(0)
    values = 10 + 3 * np.sin(2 * np.pi * np.arange(rows) / 7) + 0.3 * draw.normal(size=rows)
    days = (date(2015, 1, 1) + timedelta(days=i) for i in range(rows))
    lines = [
        "date,units,price",
        *(f"{day},{value:.3f},{i % 5}" for i, (day, value) in enumerate(zip(days, values, strict=True))),
    ]
    for row, line in (changes or {}).items():
        lines[row - 1] = line
    return "\n".join(lines) + "\n"


def text_files() -> dict[str, str]:
    """Small files of labelled texts, tagged words and plain lines, by name; each easy to learn."""
    good, bad = ("fine", "warm", "grand"), ("dull", "slow", "weak")
    rows = [
        (f"the {('film', 'play')[at % 3 % 2]} no {at} is {(good, bad)[at % 2][at % 3]}", at % 2) for at in range(120)
    ]
    table = "".join(f"{text},{('good', 'bad')[label]}\n" for text, label in rows)
    tagged = "".join(
        "".join(
            f"{word}\t{'ADJ' if word in good + bad else 'NUM' if word.isdigit() else 'X'}\n" for word in text.split()
        )
        + "\n"
        for text, _ in rows
    )
    return {
        "texts.csv": f"text,label\n{table}",
        "words.conll": tagged,
        "lines.txt": "".join(f"{t}.\n" for t, _ in rows),
    }


@dataclass
class Outcome:
    code: int
    out: str
    err: str


@dataclass
class Terminal:
    """Runs `recurra ...` in a folder of its own."""

    folder: Path
    capfd: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> Outcome:
        code = main(arguments)
        captured = self.capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    def fit(self, data: str, *arguments: str) -> Outcome:
        return self("fit", "forecast", data, "--out", "model", "--quiet", *TINY, *arguments)

    def files(self) -> set[str]:
        """Everything that lies in the folder, hidden files too."""
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*")}


@pytest.fixture
def terminal(tmp_path, monkeypatch, capfd) -> Terminal:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.csv").write_text(daily())
    return Terminal(tmp_path, capfd)


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Callable[[Path], Path]:
    """Puts a copy of a fitted model into a folder."""
    home = tmp_path_factory.mktemp("fitted")
    (home / "good.csv").write_text(daily())
    options = {"hidden_size": 8, "epochs": 1, "steps_per_epoch": 3, "batch_size": 8, "horizon": 3, "context": 14}
    Forecaster(target="units", **options).fit(home / "good.csv", progress="none").save(home / "model")
    return lambda folder: Path(shutil.copytree(home / "model", folder / "model"))


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """`recurra ...` as a process of its own, beside a table."""
    (folder / "good.csv").write_text(daily())
    return subprocess.Popen(
        [sys.executable, "-m", "recurra.cli", *arguments],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
