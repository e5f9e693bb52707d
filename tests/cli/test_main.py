from __future__ import annotations

import os
import re
import resource
import subprocess
import sys

import pytest

import recurra
from recurra.cli._app import COMMANDS, Command
from recurra.errors import RecurraError, TrainingError, TrainingStopped

CHAINS = [
    chain
    for verb, entry in COMMANDS.items()
    for chain in ([(verb,)] if isinstance(entry, Command) else [(verb, name) for name in entry])
]


def test_help_answers_before_one_notices():
    # Processor time, and the least of a few: other programs on this machine must not decide.
    seconds = []
    for _ in range(4):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "recurra.cli", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < 0.3


def test_help_names_every_verb(shell):
    shown = shell("--help")
    assert shown.code == 0
    for verb in COMMANDS:
        assert re.search(rf"^│ {verb} ", shown.out, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["fit", "--help"], ["fit", "forecast", "--help"], ["predict", "--help"]]
)
def test_help_loads_no_torch(arguments):
    program = (
        "import sys; from recurra.cli import main\n"
        f"code = main({arguments!r}); print(code, sorted({{'torch', 'polars', 'sklearn'}} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr


@pytest.mark.parametrize("chain", CHAINS, ids=" ".join)
def test_every_command_has_help_with_an_example_that_parses(shell, chain):
    shown = shell(*chain, "--help")
    assert (shown.code, shown.err) == (0, "")
    entry = COMMANDS[chain[0]]
    command = entry if isinstance(entry, Command) else entry[chain[1]]
    text = " ".join(shown.out.split())
    assert f"Example: {command.example}" in text
    assert all(flag in text for flag in ("--quiet", "--config"))
    # What a stream prints isn't one object.
    assert ("--json" in text) == (chain != ("stream",))
    words = command.example.split()
    assert words[: len(chain) + 1] == ["recurra", *chain]
    from recurra.cli._app import build_app

    build_app().parse_args(words[1:], print_error=False, exit_on_error=False)


def test_every_option_of_the_config_is_a_flag(shell, monkeypatch):
    from recurra.tasks.forecast._config import ForecastConfig

    monkeypatch.setenv("COLUMNS", "300")
    text = shell("fit", "forecast", "--help").out
    for name, field in ForecastConfig.model_fields.items():
        assert f"--{name.replace('_', '-')}" in text
        assert field.description
        assert field.description in text


def test_the_version_is_printed(shell):
    assert shell("--version").out == f"{recurra.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["frob"], 'Unknown command "frob"'),
        (["predct", "a", "b"], 'Did you mean "predict"?'),
        (["fit", "forcast"], 'Did you mean "forecast"?'),
        (["fit", "forecast", "--out", "model"], "DATA"),
        (["fit", "forecast", "data.csv", "--out", "m", "--hiden-size", "4"], "Did you mean --hidden-size?"),
        (
            ["fit", "forecast", "data.csv", "--out", "m", "--hidden-size", "x"],
            "--hidden-size x: input should be a valid int",
        ),
        (["fit", "forecast", "data.csv", "--out", "m", "--dropout", "3"], "--dropout 3: input should be less than 1"),
        (["fit", "forecast", "data.csv", "--out", "m", "--cell", "gruu"], "'rnn', 'lstm' or 'gru'"),
        (["fit", "forecast", "data.csv", "--out", "m", "--learning-rate", "x"], "or input should be 'auto'"),
        (
            ["fit", "forecast", "data.csv", "--out", "m", "--quantiles", "0.1,x"],
            "could not convert string to float: 'x'",
        ),
        (["fit", "forecast", "data.csv", "--out", "m", "more"], "more"),
        (["fit", "forecast", "nowhere.csv", "--out", "m"], "nowhere.csv: no such file."),
        (["predict", "nowhere", "data.csv"], "nowhere: no such bundle."),
        (["evaluate", "nowhere", "data.csv"], "nowhere: no such bundle."),
    ],
)
def test_what_the_user_got_wrong_is_one_line_and_exit_code_2(shell, arguments, complaint):
    before = sorted(os.listdir(shell.folder))
    outcome = shell(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert complaint in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert sorted(os.listdir(shell.folder)) == before


def test_an_error_is_one_line_whatever_it_says(shell, monkeypatch):
    for error in (RecurraError("a\nb [red]c[/red] " + "long " * 60), TrainingError("[1, 2]")):
        monkeypatch.setattr(recurra.Forecaster, "stop", error)
        outcome = shell.fit("--overwrite")
        assert outcome.code == 2
        assert outcome.err == " ".join(str(error).split()) + "\n"


def test_an_error_is_red_on_a_terminal(shell, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    outcome = shell("frob")
    assert outcome.err.startswith("\x1b[31m")


def test_a_bug_keeps_its_traceback(shell, monkeypatch):
    monkeypatch.setattr(recurra.Forecaster, "stop", ZeroDivisionError("ours"))
    with pytest.raises(ZeroDivisionError):
        shell.fit()


def test_ctrl_c_says_how_to_go_on(shell, monkeypatch):
    monkeypatch.setattr(recurra.Forecaster, "stop", TrainingStopped("Stopped after step 7. Use --resume."))
    outcome = shell.fit("--quiet")
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err == "Stopped after step 7. Use --resume.\n"
    assert (shell.folder / "model.checkpoint").exists()
    monkeypatch.setattr(recurra.Forecaster, "stop", KeyboardInterrupt())
    outcome = shell.fit("--quiet", "--resume")
    assert (outcome.code, outcome.out, outcome.err) == (130, "", "Stopped.\n")


def test_a_reader_that_goes_away_is_no_error():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "recurra.cli", "fit", "forecast", "--help"], stdout=write, stderr=subprocess.PIPE
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")
