from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from end_to_end.conftest import start, text_files

pytestmark = pytest.mark.slow

# Some seconds of training, so that there is something to break off.
FIT = "fit forecast good.csv --target units --horizon 3 --context 14 --hidden-size 8 --batch-size 8 --threads 1".split()
LONG = [*FIT, "--epochs", "300", "--steps-per-epoch", "4", "--patience", "0", "--quiet"]


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def wait_for_checkpoint(folder: Path, process: subprocess.Popen[str]) -> None:
    """Until this process has written one."""
    path, end = folder / "model.checkpoint", time.monotonic() + 60
    before = path.stat().st_mtime_ns if path.exists() else 0
    while not path.exists() or path.stat().st_mtime_ns == before:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "no checkpoint was written"
        time.sleep(0.01)


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a bundle that a reader sees, without the page that says when it was made."""
    names = ("weights.safetensors", "calibration.safetensors", "preprocessing.json", "scores.json")
    return {name: (folder / name).read_bytes() for name in names}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The bundle of a run that nobody broke off."""
    folder = tmp_path_factory.mktemp("whole")
    assert finish(start(folder, *LONG, "--out", "model"))[0] == 0
    return folder / "model"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_broken_off_goes_on_to_the_same_bits(tmp_path, whole, how) -> None:
    for _ in range(1 if how == signal.SIGINT else 2):
        process = start(tmp_path, *LONG, "--out", "model", "--resume")
        wait_for_checkpoint(tmp_path, process)
        os.kill(process.pid, how)
        code, out, err = finish(process)
        assert {path.name for path in tmp_path.iterdir()} - {"model.checkpoint.part"} == {
            "good.csv",
            "model.checkpoint",
        }
        assert out == ""
        if how == signal.SIGINT:
            assert code == 130
            assert err.count("\n") == 1
            assert "model.checkpoint" in err and "--resume" in err
        else:
            assert code == -signal.SIGKILL
    code, _, err = finish(start(tmp_path, *LONG, "--out", "model", "--resume"))
    assert code == 0, err
    assert contents(tmp_path / "model") == contents(whole)
    assert {path.name for path in tmp_path.iterdir()} - {"model.checkpoint.part"} == {"good.csv", "model"}


def test_resuming_with_other_options_is_refused(tmp_path) -> None:
    process = start(tmp_path, *LONG, "--out", "model")
    wait_for_checkpoint(tmp_path, process)
    process.kill()
    finish(process)
    code, _, err = finish(start(tmp_path, *LONG, "--out", "model", "--resume", "--seed", "3"))
    assert code == 2
    assert "was written with other options: you gave seed=3 (it has 0)" in err
    assert not (tmp_path / "model").exists()


# A run of each kind of text model, long enough to break off.
TEXTS = {
    "classify": ("texts.csv", "--hidden-size 8 --embedding-size 8 --epochs 12 --patience 0".split()),
    "tag": ("words.conll", "--hidden-size 8 --word-size 8 --epochs 12 --patience 0".split()),
    "generate": ("lines.txt", "--hidden-size 8 --epochs 12 --patience 0".split()),
}


@pytest.mark.parametrize("task", TEXTS)
def test_killed_fits_of_text_go_on_to_the_same_bits(tmp_path, task) -> None:
    data, options = TEXTS[task]
    for name, content in text_files().items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    arguments = ["fit", task, data, *options, "--threads", "1", "--quiet", "--out"]
    assert finish(start(tmp_path, *arguments, "whole"))[0] == 0
    process = start(tmp_path, *arguments, "model")
    wait_for_checkpoint(tmp_path, process)
    process.kill()
    assert finish(process)[0] == -signal.SIGKILL
    assert not (tmp_path / "model").exists()
    code, _, err = finish(start(tmp_path, *arguments, "model", "--resume"))
    assert code == 0, err
    names = ("weights.safetensors", "preprocessing.json", "scores.json")
    one, other = ({name: (tmp_path / model / name).read_bytes() for name in names} for model in ("model", "whole"))
    assert one == other
