from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

import recurra.data


def test_the_demo_fits_the_carried_series_and_can_be_repeated(shell):
    for _ in range(2):
        outcome = shell("demo")
        assert (outcome.code, outcome.err) == (0, "")
        assert "Worth having" in outcome.out
        assert "Report  demo/report.html" in outcome.out
    assert shell.called("fit")["data"] == str(recurra.data.carried_path("sunspots"))
    assert shell.called("fit")["checkpoint"] is None
    assert shell.called("new")["seed"] == 0
    shell("demo", "--seed", "3", "--out", "elsewhere")
    assert shell.called("new")["seed"] == 3
    assert (shell.folder / "elsewhere" / "manifest.json").exists()


def test_the_demo_replaces_nothing_but_a_demo(shell):
    (shell.folder / "demo").mkdir()
    (shell.folder / "demo" / "mine.txt").write_text("mine")
    assert (shell("demo").code, shell.calls) == (2, [])
    assert (shell.folder / "demo" / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("has_script", "on_path", "program"),
    [
        (True, True, "recurra"),
        (True, False, ".venv/bin/recurra"),
        (False, False, ".venv/bin/python -m recurra.cli"),
        (False, True, "recurra"),
    ],
)
def test_what_comes_next_works_from_here(shell, monkeypatch, has_script, on_path, program):
    scripts = shell.folder / ".venv" / "bin"
    other = shell.folder / "other"
    for folder, there in ((scripts, has_script), (other, not has_script)):
        folder.mkdir(parents=True)
        if there:
            (folder / "recurra").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(scripts / "python"))
    monkeypatch.setenv("PATH", f"{scripts}:{other}" if on_path else "/nowhere")
    outcome = shell("demo", "--out", "my demo")
    following = f"Next: {program} predict 'my demo' {shlex.quote(str(recurra.data.carried_path('sunspots')))} "
    assert following in outcome.out
    assert f"      {program} evaluate 'my demo' NEWER-DATA" in outcome.out


def test_another_recurra_on_the_path_is_not_ours(shell, monkeypatch):
    for folder in ("ours", "theirs"):
        Path(folder).mkdir()
        Path(folder, "recurra").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(shell.folder / "ours" / "python"))
    monkeypatch.setenv("PATH", str(shell.folder / "theirs"))
    assert "Next: ours/recurra predict demo" in shell("demo").out
    monkeypatch.chdir("ours")
    assert "Next: ./recurra predict demo" in shell("demo").out
