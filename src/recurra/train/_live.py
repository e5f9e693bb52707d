"""The live bar, drawn by rich only when the loop says so: no thread of its own competes with the training."""

from __future__ import annotations

from time import perf_counter
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Column

from recurra.train._progress import Pace, describe_result
from recurra.train._result import EpochRecord, TrainingResult

_REDRAW = 0.1  # seconds


def is_live(stream: TextIO) -> bool:
    """Whether `stream` is a terminal on which a line can be drawn over."""
    console = Console(file=stream)
    return console.is_terminal and not console.is_dumb_terminal


class LiveProgress:
    """Task, epoch, loss, validation, samples per second and time left in one line that redraws itself."""

    def __init__(self, task: str, stream: TextIO, counted: str = "samples") -> None:
        self._counted = counted
        console = Console(file=stream)
        # In a narrow terminal the end of the numbers, the speed, is what gives way.
        room = Column(no_wrap=True, overflow="ellipsis", max_width=max(20, console.width - len(task) - 12))
        self._bar = Bar(
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
            BarColumn(bar_width=10),
            TextColumn("{task.fields[numbers]}", markup=False, table_column=room),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self._row = self._bar.add_task(task, total=None, numbers="")
        self._task = task
        self._epochs = self._steps_per_epoch = 1
        self._validation = ""
        self._drawn = 0.0
        self._pace = Pace(steps=1, batch_size=None, done=0)

    def start(self, *, epochs: int, steps_per_epoch: int, batch_size: int | None, done: int) -> None:
        self._epochs = epochs
        self._steps_per_epoch = steps_per_epoch
        self._pace = Pace(steps=epochs * steps_per_epoch, batch_size=batch_size, done=done, counted=self._counted)
        self._bar.update(self._row, total=epochs * steps_per_epoch, completed=done)
        self._bar.start()

    def note(self, text: str) -> None:
        self._bar.console.print(f"{self._task}: {text}", markup=False, highlight=False)

    def step(self, *, epoch: int, index: int, loss: float) -> None:
        done = (epoch - 1) * self._steps_per_epoch + index
        speed, left = self._pace.speed(done), self._pace.left(done)
        self._draw(done, f"epoch {epoch}/{self._epochs}", left, f"loss {loss:.4g}", self._validation, speed)

    def validating(self, *, epoch: int) -> None:
        done = epoch * self._steps_per_epoch
        self._draw(done, f"epoch {epoch}/{self._epochs}", self._pace.left(done), "validating", self._validation)

    def epoch(self, record: EpochRecord, *, is_best: bool) -> None:
        if record.validation is not None:
            self._validation = f"validation {record.validation:.4g}"

    def finish(self, result: TrainingResult) -> None:
        self.close()
        self.note(describe_result(result))

    def close(self) -> None:
        self._bar.stop()

    def _draw(self, done: int, *numbers: str) -> None:
        # An epoch may take milliseconds, drawing takes about one.
        if perf_counter() < self._drawn + _REDRAW:
            return
        self._bar.update(self._row, completed=done, numbers=", ".join(filter(None, numbers)))
        self._bar.refresh()
        self._drawn = perf_counter()
