from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


def start(folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "src")])}
    return subprocess.Popen([sys.executable, str(TESTS / "train" / "killed.py"), str(folder)], env=environment)


def wait_for(path: Path) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} didn't appear"
        time.sleep(0.005)


@pytest.mark.slow
def test_kill_9_at_random_moments_changes_no_bit(tmp_path, seed):
    moments = random.Random(seed)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(whole).wait(timeout=120) == 0
    kills = 0
    for _ in range(3):
        (killed / "begun").unlink(missing_ok=True)
        process = start(killed)
        wait_for(killed / "begun")
        if kills:
            time.sleep(moments.uniform(0, 0.3))
        else:
            wait_for(killed / "training.ckpt")
        process.send_signal(signal.SIGKILL)
        kills += process.wait(timeout=60) == -signal.SIGKILL
    assert kills == 3
    assert (killed / "training.ckpt").exists()
    assert not (killed / "weights").exists()
    assert start(killed).wait(timeout=120) == 0
    assert (killed / "weights").read_bytes() == (whole / "weights").read_bytes()
    assert (killed / "history").read_text() == (whole / "history").read_text()
