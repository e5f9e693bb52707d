from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest

from recurra.recipes import RECIPES, Figure, Recipe, Reproduction

CALLS = []


def repeat(data, *, seed, progress):
    CALLS.append((str(data), seed, progress))
    model = SimpleNamespace(save=lambda path, overwrite: CALLS.append((str(path), overwrite)))
    return Reproduction((Figure("mse", 0.37123, 0.3745), Figure("mae", 0.4)), "Reached: 0.371 against 0.375.", model)


@pytest.fixture
def recipes(monkeypatch):
    CALLS.clear()
    monkeypatch.setitem(sys.modules, "fake_recipe", SimpleNamespace(repeat=repeat))
    monkeypatch.setitem(RECIPES, "fake-96", Recipe("A fake experiment.", "fake_recipe:repeat"))


def test_an_experiment_is_repeated_beside_what_was_published(shell, recipes):
    outcome = shell("reproduce", "fake-96", "--data", ".", "--seed", "3", "--quiet")
    assert (outcome.code, outcome.err) == (0, "")
    assert CALLS == [(".", 3, "none")]
    lines = [line.split() for line in outcome.out.splitlines()]
    assert ["mse", "0.3712", "0.3745"] in lines
    assert ["mae", "0.4"] in lines
    assert outcome.out.endswith("Reached: 0.371 against 0.375.\n")
    document = json.loads(shell("reproduce", "fake-96", "--data", ".", "--json").out)
    assert document["figures"][0] == {"name": "mse", "ours": 0.37123, "published": 0.3745}
    assert CALLS[-1] == (".", 0, "auto")


def test_its_model_is_kept_where_one_asks(shell, recipes, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "notes.txt").write_text("not a model")
    outcome = shell("reproduce", "fake-96", "--data", ".", "--out", str(tmp_path / "kept"), "--overwrite")
    assert (outcome.code, CALLS) == (2, [])
    outcome = shell("reproduce", "fake-96", "--data", ".", "--out", str(tmp_path / "new"))
    assert (outcome.code, CALLS[-1]) == (0, (str(tmp_path / "new"), False))
    assert str(tmp_path / "new") in outcome.out


def test_the_experiments_are_listed(shell, recipes):
    lines = [line.split() for line in shell("reproduce", "--list").out.splitlines()]
    assert ["fake-96", "A", "fake", "experiment."] in lines
    document = json.loads(shell("reproduce", "--list", "--json").out)
    assert {"name": "fake-96", "summary": "A fake experiment."} in document["recipes"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Which experiment? Give its name: "),
        (["fake-69", "--data", "."], "There is no experiment 'fake-69'. Did you mean fake-96?"),
        (["fake-96"], "fake-96 was given no --data."),
        (["fake-96", "--data", "nowhere"], "--data nowhere, which is no folder."),
    ],
)
def test_what_is_missing_is_said(shell, recipes, arguments, complaint):
    outcome = shell("reproduce", *arguments)
    assert (outcome.code, outcome.out, CALLS) == (2, "", [])
    assert complaint in outcome.err
