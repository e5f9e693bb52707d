from __future__ import annotations

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
