from __future__ import annotations

import errno
import json
import os
import re

import numpy as np
import pytest

from end_to_end.conftest import Outcome, Terminal, daily
from recurra.bundle import FORMAT

JUNK = np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8).tobytes()
HEADER = "date,units,price\n"
MISSING = re.sub(r"(?m)^(2015-..-..),[^,]+,", r"\1,,", daily())

# what the file holds, and the line that says what is wrong with it: where, what, and what to do
FILES = {
    "empty": (b"", r"bad.csv is empty; expected a header line and rows of values\."),
    "header": (HEADER.encode(), r"bad.csv has a header but no rows; expected at least one row of values\."),
    "junk": (JUNK, r"bad.csv isn't a table: it holds binary data\. Expected CSV, TSV, Parquet or Excel\."),
    "text": (
        daily(changes={51: "2015-02-19,abc,3"}).encode(),
        r"bad.csv, row 51: target 'units' is 'abc', which isn't a number\. Clear the value .*",
    ),
    "date": (
        daily(changes={51: "2015-02-31,5,3"}).encode(),
        r"bad.csv, row 51: date is '2015-02-31', which can't be read as a time; expected for instance 2015-01-31 .*",
    ),
    "infinite": (
        daily(changes={51: "2015-02-19,inf,3"}).encode(),
        r"bad.csv, row 51: units is infinite \(inf\); expected finite numbers\. Clear or mend the value\.",
    ),
    "ragged": (
        daily(changes={51: "2015-02-19,5,3,9"}).encode(),
        r"bad.csv, line 51: 4 fields, but the header has 3\. Mend the line, .*",
    ),
    "repeated": (
        daily(changes={51: "2015-02-18,5,3"}).encode(),
        r"bad.csv, row 51: date 2015-02-18 repeats that of row 50 .* or pass --on-duplicate mean .*",
    ),
}


def assert_refused(outcome: Outcome, message: str) -> None:
    """One line on stderr that says what is wrong, nothing else anywhere, and exit code 2."""
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.endswith("\n") and outcome.err.count("\n") == 1, outcome.err
    assert re.fullmatch(message, outcome.err.strip()), outcome.err


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("verb", ["fit", "predict", "evaluate"])
def test_bad_files(terminal: Terminal, model, name, verb) -> None:
    content, message = FILES[name]
    (terminal.folder / "bad.csv").write_bytes(content)
    if verb != "fit":
        model(terminal.folder)
    before = terminal.files()
    if verb == "fit":
        outcome = terminal.fit("bad.csv", "--target", "units")
    else:
        extra = ("--out", "forecast.csv") if verb == "predict" else ()
        outcome = terminal(verb, "model", "bad.csv", *extra)
        message = message.removesuffix(r" or pass --on-duplicate mean .*") + ".*" if name == "repeated" else message
    assert_refused(outcome, message)
    assert terminal.files() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nofile.csv"], r"No such file: nofile\.csv.*"),
        (["god.csv"], r"No such file: god\.csv\. Did you mean good\.csv\?"),
        (["."], r"\. is a folder; expected one table file .*"),
        (["good.csv", "--target", "unit"], r"good\.csv has no column 'unit' \(.*target\)\. Did you mean 'units'\?.*"),
        (["good.csv", "--time", "dat"], r"good\.csv has no column 'dat' \(.*time\)\. Did you mean 'date'\?.*"),
        (["good.csv"], r"good\.csv: which column shall be forecast\? .* units.*"),
        (
            ["good.csv", "--target", "units", "--horizon", "50"],
            r".* 120 rows; horizon 50 needs 151: .* --horizon 39 .*",
        ),
        (
            ["good.csv", "--target", "units", "--context", "500"],
            r"context 500 does not fit.* Pass --context \d+ or less\.",
        ),
        (["good.csv", "--target", "units", "--horizon", "0"], r"--horizon 0: .*greater than 0.*"),
        (["good.csv", "--target", "units", "--quantiles", "0.5,2"], r"--quantiles 0\.5,2: .*between 0 and 1.*"),
        (["good.csv", "--target", "units", "--horizn", "5"], r".*--horizn.* Did you mean .*--horizon.*"),
        (["good.csv", "--target", "units", "--cell", "gur"], r".*cell.*gur.*"),
        (
            ["good.csv", "--target", "units", "--test", "2019-01-01"],
            r"The test part has at most 0 rows .* 2015-04-30.*",
        ),
        (["good.csv", "--target", "units", "--decoder", "recursive", "--bidirectional"], r".* reads forward only\. .*"),
    ],
)
def test_bad_options(terminal: Terminal, arguments, message) -> None:
    before = terminal.files()
    assert_refused(terminal("fit", "forecast", *arguments, "--out", "model"), message)
    assert terminal.files() == before


def test_all_targets_missing(terminal: Terminal, model) -> None:
    (terminal.folder / "bad.csv").write_text(MISSING)
    message = r"bad\.csv: every value of target 'units' is missing; expected numbers to learn from\."
    assert_refused(terminal.fit("bad.csv", "--target", "units"), message)
    model(terminal.folder)
    before = terminal.files()
    outcome = terminal("predict", "model", "bad.csv", "--out", "forecast.csv")
    assert_refused(outcome, r"No row holds a value of units to forecast from\. .*")
    assert_refused(terminal("evaluate", "model", "bad.csv"), r"There is nothing to measure on: .* Bring newer rows\.")
    assert terminal.files() == before


def test_targets_missing_in_the_training_part(terminal: Terminal) -> None:
    lines = daily().splitlines(keepends=True)
    (terminal.folder / "bad.csv").write_text("".join([*MISSING.splitlines(keepends=True)[:100], *lines[100:]]))
    assert_refused(terminal.fit("bad.csv", "--target", "units"), r"units: no value at all in the training part, .*")
    assert terminal.files() == {"bad.csv", "good.csv"}


def test_a_horizon_longer_than_one_of_several_series(terminal: Terminal) -> None:
    rows = [f"long,{line}" for line in daily().splitlines()[1:]] + [
        f"short,{line}" for line in daily(2).splitlines()[1:]
    ]
    (terminal.folder / "two.csv").write_text("\n".join(["id,date,units,price", *rows]) + "\n")
    outcome = terminal.fit("two.csv", "--target", "units", "--series", "id")
    assert outcome.code == 0, outcome.err
    manifest = json.loads((terminal.folder / "model" / "manifest.json").read_text())
    assert manifest["task"] == "forecast"
    outcome = terminal("fit", "forecast", "two.csv", "--target", "units", "--series", "id", "--horizon", "60")
    assert_refused(outcome, r"Series 'long', the longest, has 120 rows; horizon 60 needs 181: .*")


def test_an_output_that_exists(terminal: Terminal, model) -> None:
    model(terminal.folder)
    before = {path: path.read_bytes() for path in (terminal.folder / "model").iterdir()}
    outcome = terminal.fit("good.csv", "--target", "units")
    assert_refused(
        outcome,
        r"model exists already\. Choose another place, or pass --overwrite \(overwrite=True\) to replace it\.",
    )
    assert {path: path.read_bytes() for path in (terminal.folder / "model").iterdir()} == before
    assert terminal.fit("good.csv", "--target", "units", "--overwrite", "--seed", "5").code == 0
    assert (terminal.folder / "model" / "weights.safetensors").read_bytes() not in before.values()


def full_disk(monkeypatch, part: str) -> None:
    """No file whose path holds `part` reaches the disk."""
    fsync = os.fsync

    def fail(descriptor: int) -> None:
        if part in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fail)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_disk_that_is_full_when_the_model_is_saved(terminal: Terminal, model, monkeypatch, overwrite) -> None:
    if overwrite:
        model(terminal.folder)
    before = terminal.files()
    kept = (terminal.folder / "model" / "manifest.json").read_bytes() if overwrite else b""
    full_disk(monkeypatch, ".partial")
    outcome = terminal.fit("good.csv", "--target", "units", *(["--overwrite"] if overwrite else []))
    assert_refused(outcome, r".*model couldn't be saved: No space left on device\. Nothing was changed\. Make room .*")
    # The training itself isn't lost.
    assert terminal.files() - before == {"model.checkpoint"}
    if overwrite:
        assert (terminal.folder / "model" / "manifest.json").read_bytes() == kept
    monkeypatch.undo()
    monkeypatch.chdir(terminal.folder)
    again = terminal.fit("good.csv", "--target", "units", "--resume", *(["--overwrite"] if overwrite else []))
    assert again.code == 0
    assert "model.checkpoint" not in terminal.files()


def test_a_disk_that_is_full_when_a_checkpoint_is_written(terminal: Terminal, monkeypatch) -> None:
    before = terminal.files()
    full_disk(monkeypatch, "checkpoint")
    outcome = terminal.fit("good.csv", "--target", "units")
    assert_refused(outcome, r"The checkpoint .* can't be written: No space left on device\. .* Free some space .*")
    assert terminal.files() == before


def test_a_disk_that_is_full_when_forecasts_are_written(terminal: Terminal, model, monkeypatch) -> None:
    model(terminal.folder)
    (terminal.folder / "forecast.csv").write_text("an older one")
    before = terminal.files()
    full_disk(monkeypatch, "forecast")
    outcome = terminal("predict", "model", "good.csv", "--out", "forecast.csv", "--overwrite")
    assert_refused(outcome, r".*forecast\.csv.*No space left on device.*")
    assert terminal.files() == before
    assert (terminal.folder / "forecast.csv").read_text() == "an older one"


@pytest.mark.parametrize(
    "file", ["weights.safetensors", "preprocessing.json", "calibration.safetensors", "report.html"]
)
def test_a_bundle_with_one_flipped_byte(terminal: Terminal, model, file) -> None:
    path = model(terminal.folder) / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    before = terminal.files()
    for verb in (["predict", "model", "good.csv", "--out", "forecast.csv"], ["evaluate", "model", "good.csv"]):
        assert_refused(terminal(*verb), rf".*{re.escape(file)}.*")
    assert terminal.files() == before


def test_a_bundle_of_a_newer_format(terminal: Terminal, model) -> None:
    path = model(terminal.folder) / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "format": FORMAT + 1}))
    assert_refused(terminal("predict", "model", "good.csv"), r".*newer.*pip install -U recurra.*")


def test_a_bundle_that_is_none(terminal: Terminal) -> None:
    (terminal.folder / "model").mkdir()
    assert_refused(terminal("predict", "model", "good.csv"), r".*model.*")
    assert_refused(terminal("predict", "nothing", "good.csv"), r".*nothing.*")


def test_a_file_without_the_columns_of_the_fit(terminal: Terminal, model) -> None:
    model(terminal.folder)
    (terminal.folder / "other.csv").write_text(daily().replace("units", "unit"))
    message = r"No row holds a value of units to forecast from\. Pass the rows up to now, that column included\."
    assert_refused(terminal("predict", "model", "other.csv"), message)
    (terminal.folder / "other.csv").write_text(daily().replace("date", "dates"))
    assert_refused(terminal("predict", "model", "other.csv"), r"other\.csv has no column 'date'.* 'dates'\?.*")
