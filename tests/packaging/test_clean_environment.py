"""`pip install` into an environment of its own: the base install, which has no torch."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from cases.distributions import PROJECT

pytestmark = pytest.mark.packaging


def run(program: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *arguments], capture_output=True, text=True, cwd=cwd)


def test_holds_the_five_dependencies_and_no_torch(environment: Path, tmp_path: Path):
    listed = json.loads(run(environment / "python", "-m", "pip", "list", "--format", "json", cwd=tmp_path).stdout)
    names = {package["name"].lower() for package in listed}
    assert {"recurra", "cyclopts", "numpy", "pydantic", "rich", "safetensors"} <= names
    assert not names & {"torch", "polars", "scikit-learn", "lightning-fabric", "matplotlib"}


def test_the_compiled_module_works(environment: Path, tmp_path: Path):
    code = (
        "import recurra; from recurra import ops; nan = float('nan'); print(recurra.__version__, "
        "ops.steps_since_observed([[1.0], [nan]], [0, 2]).tolist(), any(ops.cpu_features().values()))"
    )
    done = run(environment / "python", "-W", "error", "-c", code, cwd=tmp_path)
    assert (done.stdout, done.stderr) == (f"{PROJECT['version']} [[0.0], [1.0]] True\n", "")


def test_a_stream_steps(environment: Path, tmp_path: Path):
    done = run(environment / "python", "-W", "error", str(Path(__file__).with_name("some_steps.py")), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"(?:\w+: right\n)+", done.stdout)


def test_the_doctor_works(environment: Path, tmp_path: Path):
    done = run(environment / "recurra", "doctor", "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["version"], found["torch"], found["plans"]) == (PROJECT["version"], None, [])
    assert found["instruction_set"] == found["instruction_sets"][0]
    assert "pip install 'recurra[train]'" in [extra["command"] for extra in found["missing"]]


@pytest.mark.parametrize("what", ["recurra", "recurra.ops.Stream"])
def test_importing_takes_a_quarter_of_a_second(environment: Path, tmp_path: Path, what: str):
    code = f"import time; begin = time.perf_counter(); import recurra; {what}; print(time.perf_counter() - begin)"
    # The fastest of many, since other programs make this one wait.
    took = [float(run(environment / "python", "-c", code, cwd=tmp_path).stdout) for _ in range(8)]
    assert min(took) < 0.25


def test_the_command_line_answers_without_torch(environment: Path, tmp_path: Path):
    done = run(environment / "recurra", "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: recurra COMMAND" in done.stdout


def test_the_carried_series_are_there(environment: Path, tmp_path: Path):
    done = run(environment / "recurra", "data", "get", "sunspots", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "sunspots.csv").read_text(encoding="utf-8").startswith("month,sunspots\n1749-01-01,58.0\n")


def test_what_needs_torch_says_how_to_get_it(environment: Path, tmp_path: Path):
    done = run(environment / "python", "-c", "import recurra; recurra.Forecaster(target='y')", cwd=tmp_path)
    assert done.returncode == 1
    assert "Run: pip install 'recurra[train]'" in done.stderr
