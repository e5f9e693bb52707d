from __future__ import annotations

import io
import re
from time import perf_counter

import pytest

from recurra.train import EpochRecord, show_progress, train
from recurra.train._live import LiveProgress
from recurra.train._progress import PlainProgress, _clock
from train.problems import config, reading_problem


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch) -> Terminal:
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    return Terminal()


def run(progress, **changes):
    problem = reading_problem()
    return train(problem.network, problem.loss, problem.batches, problem.validate, config(**changes), progress=progress)


def plain_lines(**changes) -> list[str]:
    stream = io.StringIO()
    run(show_progress("forecast", stream=stream), **changes)
    return stream.getvalue().splitlines()


def test_plain_lines_hold_what_is_asked_for():
    *lines, last = plain_lines()
    number = r"[\d.e-]+"
    for epoch, line in enumerate(lines, start=1):
        numbers = rf"loss {number}, validation {number}(?: \(best\))?, [\d,]+ samples/s, [\d.]+ s left"
        assert re.fullmatch(f"forecast: epoch {epoch}/3, {numbers}", line)
    assert len(lines) == 3
    assert re.fullmatch(rf"forecast: trained after 3 epochs in [\d.]+ s; kept epoch \d, validation {number}", last)


@pytest.mark.parametrize("epochs", [1, 18, 19, 40, 55])
def test_plain_lines_are_about_twenty_at_most(epochs):
    lines = plain_lines(epochs=epochs, patience=0)
    assert len(lines) <= 20
    assert f"epoch {epochs}/{epochs}" in lines[-2]
    assert len(lines) >= min(epochs, 10)


def test_early_stopping_and_the_found_rate_are_said():
    stream = io.StringIO()
    problem = reading_problem()
    problem.validate = lambda network: 1.0
    train(
        problem.network,
        problem.loss,
        problem.batches,
        problem.validate,
        config(learning_rate="auto", epochs=9, patience=2),
        progress=show_progress("forecast", stream=stream),
    )
    lines = stream.getvalue().splitlines()
    assert re.fullmatch(r"forecast: learning rate [\d.e-]+ found: .*", lines[0])
    assert "stopped early after 3 epochs" in lines[-1]
    assert lines[-1].endswith("kept epoch 1, validation 1")


def test_what_is_counted_has_its_name(terminal):
    for stream in (io.StringIO(), terminal):
        display = show_progress("tag", counted="sentences", stream=stream)
        assert isinstance(display, (PlainProgress, LiveProgress))
        display.start(epochs=1, steps_per_epoch=9, batch_size=4, done=0)
        assert re.fullmatch(r"[\d,]+ sentences/s", display._pace.speed(5))
        display.close()


def test_quiet_shows_nothing(capsys):
    assert show_progress("forecast", quiet=True) is None
    run(None)
    assert capsys.readouterr() == ("", "")


def test_progress_goes_to_stderr(capsys):
    run(show_progress("forecast"))
    out, err = capsys.readouterr()
    assert out == ""
    assert "epoch 3/3" in err


def test_a_terminal_gets_the_live_bar_and_a_pipe_does_not(terminal, monkeypatch):
    assert isinstance(show_progress("forecast", stream=terminal), LiveProgress)
    assert isinstance(show_progress("forecast", stream=io.StringIO()), PlainProgress)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(show_progress("forecast", stream=terminal), PlainProgress)


def test_the_live_bar_holds_what_is_asked_for(terminal):
    progress = show_progress("[forecast]", stream=terminal)
    assert progress is not None
    progress.start(epochs=4, steps_per_epoch=50, batch_size=32, done=10)
    progress.epoch(EpochRecord(1, 0.5, 0.625, 1e-3, 1.0), is_best=True)
    progress._drawn = 0.0  # type: ignore[attr-defined]
    progress.step(epoch=2, index=20, loss=0.25)
    progress.close()
    progress.close()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert re.search(
        r"\[forecast\] \S+ epoch 2/4, [\d.]+ s left, loss 0\.25, validation 0\.625, [\d,]+ samples/s", shown
    )


def test_the_live_bar_redraws_ten_times_a_second_at_most(terminal):
    progress = show_progress("forecast", stream=terminal)
    assert progress is not None
    progress.start(epochs=4, steps_per_epoch=500, batch_size=32, done=0)
    start = perf_counter()
    for index in range(400):
        progress.step(epoch=1, index=index + 1, loss=0.25)
    seconds = perf_counter() - start
    progress.close()
    assert terminal.getvalue().count("epoch 1/4") <= 2 + seconds / 0.1


def test_the_live_bar_ends_when_training_fails(terminal):
    problem = reading_problem()
    problem.validate = lambda network: 1 / 0
    progress = show_progress("forecast", stream=terminal)
    with pytest.raises(ZeroDivisionError):
        train(problem.network, problem.loss, problem.batches, problem.validate, config(), progress=progress)
    assert terminal.getvalue().rstrip("\r\n").endswith(("\x1b[?25h", "\x1b[2K"))


def test_live_training_ends_with_one_line(terminal):
    run(show_progress("forecast", stream=terminal))
    assert terminal.getvalue().splitlines()[-1].split("\x1b[2K")[-1].startswith("forecast: trained after 3 epochs")


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.04, "0.0 s"), (9.96, "10.0 s"), (59.4, "59 s"), (65, "1:05"), (3661, "1:01:01")]
)
def test_times_are_readable(seconds, shown):
    assert _clock(seconds) == shown
