"""The live bar, drawn by rich only when the loop says so: no thread of its own competes with the training."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from recurra.train._progress import Pace, describe_result
from recurra.train._result import EpochRecord, TrainingResult


def is_live(stream: TextIO) -> bool:
    """Whether `stream` is a terminal on which a line can be drawn over."""
    console = Console(file=stream)
    return console.is_terminal and not console.is_dumb_terminal


class LiveProgress:
    """Task, epoch, loss, validation, samples per second and time left in one line that redraws itself."""

    def __init__(self, task: str, stream: TextIO) -> None:
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[numbers]}", markup=False),
            console=Console(file=stream),
            auto_refresh=False,
            transient=True,
        )
        self._row = self._bar.add_task(task, total=None, numbers="")
        self._task = task
        self._epochs = self._steps_per_epoch = 1
        self._validation = ""
        self._pace = Pace(steps=1, batch_size=None, done=0)

    def start(self, *, epochs: int, steps_per_epoch: int, batch_size: int | None, done: int) -> None:
        self._epochs = epochs
        self._steps_per_epoch = steps_per_epoch
        self._pace = Pace(steps=epochs * steps_per_epoch, batch_size=batch_size, done=done)
        self._bar.update(self._row, total=epochs * steps_per_epoch, completed=done)
        self._bar.start()

    def note(self, text: str) -> None:
        self._bar.console.print(f"{self._task}: {text}", markup=False, highlight=False)

    def step(self, *, epoch: int, index: int, loss: float) -> None:
        done = (epoch - 1) * self._steps_per_epoch + index
        self._draw(done, f"epoch {epoch}/{self._epochs}, loss {loss:.4g}{self._validation}", self._pace.describe(done))

    def validating(self, *, epoch: int) -> None:
        self._draw(epoch * self._steps_per_epoch, f"epoch {epoch}/{self._epochs}, validating{self._validation}", "")

    def epoch(self, record: EpochRecord, *, is_best: bool) -> None:
        if record.validation is not None:
            self._validation = f", validation {record.validation:.4g}{' (best)' if is_best else ''}"

    def finish(self, result: TrainingResult) -> None:
        self.close()
        self.note(describe_result(result))

    def close(self) -> None:
        self._bar.stop()

    def _draw(self, done: int, numbers: str, pace: str) -> None:
        self._bar.update(self._row, completed=done, numbers=", ".join(filter(None, [numbers, pace])))
        self._bar.refresh()
