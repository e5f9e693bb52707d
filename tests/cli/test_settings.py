from __future__ import annotations

import itertools

import pytest


def hidden_size(shell, *arguments):
    outcome = shell.fit(*arguments, "--overwrite")
    assert outcome.code == 0, outcome.err
    return shell.called("new").get("hidden_size")


def test_a_flag_wins_over_a_variable_over_the_file_over_the_default(shell, monkeypatch):
    shell.fit()
    assert hidden_size(shell) is None
    for flag, variable, file in itertools.product([None, 1], [None, 2], [None, 3]):
        (shell.folder / "recurra.toml").write_text(f"[fit.forecast]\nhidden_size = {file}\n" if file else "")
        if variable:
            monkeypatch.setenv("RECURRA_HIDDEN_SIZE", str(variable))
        else:
            monkeypatch.delenv("RECURRA_HIDDEN_SIZE", raising=False)
        arguments = ["--hidden-size", str(flag)] if flag else []
        assert hidden_size(shell, *arguments) == (flag or variable or file)


def test_a_file_may_be_named(shell, monkeypatch):
    (shell.folder / "recurra.toml").write_text("[fit.forecast]\nhidden_size = 3\n")
    (shell.folder / "other.toml").write_text("[fit.forecast]\nhidden-size = 4\n")
    shell.fit()
    assert hidden_size(shell, "--config", "other.toml") == 4
    monkeypatch.setenv("RECURRA_CONFIG", "other.toml")
    assert hidden_size(shell) == 4
    assert hidden_size(shell, "--config", "recurra.toml") == 3


def test_every_kind_of_value_comes_from_a_file_as_from_a_flag(shell):
    (shell.folder / "recurra.toml").write_text(
        'seed = 1\n[fit.forecast]\nout = "model"\ntarget = ["a", "b c"]\ntime = "year,month"\nlearning_rate = "auto"\n'
        "dropout = 0.5\nbidirectional = true\ntest = 2014-01-01\nquantiles = [0.1, 0.9]\nseed = 7\n"
    )
    assert shell("fit", "forecast", "data.csv").code == 0
    from_file = shell.called("new")
    flags = (
        "--target a --target|b c|--time year,month --learning-rate auto --dropout 0.5 --bidirectional --test 2014-01-01"
    )
    words = [word for part in flags.split("|") for word in ([part] if part == "b c" else part.split())]
    (shell.folder / "recurra.toml").unlink()
    assert shell.fit("--overwrite", *words, "--quantiles", "0.1,0.9", "--seed", "7").code == 0
    assert shell.called("new") == from_file
    assert from_file["target"] == ("a", "b c")
    assert from_file["time"] == ("year", "month")
    assert from_file["test"] == "2014-01-01"
    assert from_file["quantiles"] == (0.1, 0.9)
    assert from_file["bidirectional"] is True


def test_every_kind_of_value_comes_from_a_variable(shell, monkeypatch):
    monkeypatch.setenv("RECURRA_TARGET", "a,b c")
    monkeypatch.setenv("RECURRA_BIDIRECTIONAL", "true")
    monkeypatch.setenv("RECURRA_QUANTILES", "0.1,0.9")
    monkeypatch.setenv("RECURRA_JSON", "1")
    monkeypatch.setenv("RECURRA_SEED", "")
    outcome = shell.fit()
    assert outcome.out.startswith("{")
    assert shell.called("new") == {"target": ("a", "b c"), "bidirectional": True, "quantiles": (0.1, 0.9)}


def test_a_switch_that_the_file_turned_on_can_be_turned_off(shell):
    (shell.folder / "recurra.toml").write_text("json = true\n[fit.forecast]\nbidirectional = true\n")
    assert shell.fit("--no-bidirectional", "--no-json").out.startswith("Rows are")
    assert shell.called("new") == {"bidirectional": False}


def test_the_table_of_another_command_is_left_alone(shell):
    (shell.folder / "recurra.toml").write_text('[predict]\nout = "x.csv"\n[data.list]\njson = true\n')
    assert shell.fit().code == 0


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[fit.forecast]\nhiden_size = 4\n", "[fit.forecast] has no option 'hiden_size'. Did you mean hidden_size?"),
        ("[fit.forcast]\nhidden_size = 4\n", "[fit] has no command 'forcast'. Did you mean forecast?"),
        ("[fti.forecast]\nhidden_size = 4\n", "no command is called 'fti'. Did you mean fit?"),
        ("hidden_size = 4\n", "no command is called 'hidden_size'."),
        ("fit = 4\n", "fit is 4, but a command is a table"),
        (
            "[fit.forecast.hidden_size]\na = 4\n",
            "hidden_size in [fit.forecast] is a table, but this option takes a value",
        ),
        ("[fit.forecast\n", "isn't valid TOML"),
        ("[fit.forecast]\ncell = 'gruu'\n", "cell in [fit.forecast] gruu (recurra.toml): input should be"),
        ("[fit.forecast]\nconfig = 'x'\n", "has no option 'config'"),
    ],
)
def test_a_mistake_in_the_file_is_named(shell, content, complaint):
    (shell.folder / "recurra.toml").write_text(content)
    outcome = shell.fit()
    assert outcome.code == 2
    assert complaint in outcome.err
    assert "recurra.toml" in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert shell.calls == []


def test_a_file_that_is_named_must_be_there(shell):
    outcome = shell.fit("--config", "nowhere.toml")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("nowhere.toml: No such file or directory.")


def test_a_wrong_variable_is_named(shell, monkeypatch):
    monkeypatch.setenv("RECURRA_HIDDEN_SIZE", "many")
    outcome = shell.fit()
    assert outcome.code == 2
    assert outcome.err.startswith("RECURRA_HIDDEN_SIZE many (the environment): input should be a valid integer")
