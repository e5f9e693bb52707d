from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "vanishing_gradients.py"


@pytest.mark.slow
def test_vanishing_gradients(tmp_path: Path):
    picture = tmp_path / "picture.png"
    run = subprocess.run([sys.executable, EXAMPLE, picture], capture_output=True, text=True, check=True)
    rows = {line[:26].strip(): [float(number) for number in line[26:].split()] for line in run.stdout.splitlines()[1:8]}
    assert rows["RNN, sigmoid"][3] < 1e-12
    assert rows["RNN, relu, weights x 3"][-1] > 1e3
    assert rows["LSTM"][-1] < 1e-12
    assert 0.1 < rows["LSTM, forget gate at 0.95"][-1] < 100
    assert picture.read_bytes().startswith(b"\x89PNG")
