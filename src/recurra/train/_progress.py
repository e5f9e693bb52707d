"""What a person sees while a network trains: a live bar on a terminal, a few plain lines elsewhere; on stderr."""

from __future__ import annotations

import sys
from time import perf_counter
from typing import Protocol, TextIO

from recurra.train._result import EpochRecord, TrainingResult


class Progress(Protocol):
    """What the loop tells while it runs. `step` is called a few times a second, the others once an epoch or less."""

    def start(self, *, epochs: int, steps_per_epoch: int, batch_size: int | None, done: int) -> None:
        """Training begins, or goes on after `done` steps of an earlier run."""
        ...

    def note(self, text: str) -> None:
        """Something worth one line, for instance the learning rate that was found."""
        ...

    def step(self, *, epoch: int, index: int, loss: float) -> None:
        """Step `index` of `epoch` (both from 1) is done; `loss` is the epoch's mean so far."""
        ...

    def validating(self, *, epoch: int) -> None:
        """The steps of `epoch` are done and validation begins."""
        ...

    def epoch(self, record: EpochRecord, *, is_best: bool) -> None:
        """An epoch is done, its validation included."""
        ...

    def finish(self, result: TrainingResult) -> None:
        """Training is done."""
        ...

    def close(self) -> None:
        """Nothing follows, whether training went well or not."""
        ...


def show_progress(
    task: str, *, counted: str = "samples", quiet: bool = False, stream: TextIO | None = None
) -> Progress | None:
    """The progress display that fits `stream` (stderr by default); None, which shows nothing, when `quiet`.

    `counted` is what a batch is made of.
    """
    if quiet:
        return None
    from recurra.train._live import LiveProgress, is_live

    out = sys.stderr if stream is None else stream
    return LiveProgress(task, out, counted) if is_live(out) else PlainProgress(task, out, counted)


class Pace:
    """Speed and time left, from the steps of this run alone."""

    def __init__(self, *, steps: int, batch_size: int | None, done: int, counted: str = "samples") -> None:
        self._steps, self._counted = steps, counted
        self._batch_size = batch_size
        self._done_before = done
        self._start = perf_counter()

    def speed(self, done: int) -> str:
        """For instance `12,345 samples/s`, after `done` steps of all; empty while it isn't known."""
        rate = self._rate(done)
        if not rate:
            return ""
        return f"{rate * self._batch_size:,.0f} {self._counted}/s" if self._batch_size else f"{rate:,.0f} steps/s"

    def left(self, done: int) -> str:
        """For instance `1:05 left`."""
        rate = self._rate(done)
        return f"{_clock((self._steps - done) / rate)} left" if rate else ""

    def _rate(self, done: int) -> float:
        seconds = perf_counter() - self._start
        return (done - self._done_before) / seconds if seconds > 0 else 0.0


class PlainProgress:
    """At most about twenty lines in all, for logs and pipes."""

    def __init__(self, task: str, stream: TextIO, counted: str = "samples") -> None:
        self._task, self._counted = task, counted
        self._stream = stream
        self._epochs = self._steps_per_epoch = self._every = 1
        self._pace = Pace(steps=1, batch_size=None, done=0)

    def start(self, *, epochs: int, steps_per_epoch: int, batch_size: int | None, done: int) -> None:
        self._epochs = epochs
        self._steps_per_epoch = steps_per_epoch
        self._every = -(-epochs // 18)
        self._pace = Pace(steps=epochs * steps_per_epoch, batch_size=batch_size, done=done, counted=self._counted)

    def note(self, text: str) -> None:
        print(f"{self._task}: {text}", file=self._stream, flush=True)

    def step(self, *, epoch: int, index: int, loss: float) -> None:
        pass

    def validating(self, *, epoch: int) -> None:
        pass

    def epoch(self, record: EpochRecord, *, is_best: bool) -> None:
        if record.epoch % self._every and record.epoch != self._epochs:
            return
        done = record.epoch * self._steps_per_epoch
        phrases = describe_epoch(record, self._epochs, is_best=is_best), self._pace.speed(done), self._pace.left(done)
        self.note(", ".join(filter(None, phrases)))

    def finish(self, result: TrainingResult) -> None:
        self.note(describe_result(result))

    def close(self) -> None:
        pass


def describe_epoch(record: EpochRecord, epochs: int, *, is_best: bool) -> str:
    """One epoch as a phrase."""
    validation = "" if record.validation is None else f", validation {record.validation:.4g}"
    return f"epoch {record.epoch}/{epochs}, loss {record.loss:.4g}{validation}{' (best)' if is_best else ''}"


def describe_result(result: TrainingResult) -> str:
    """The end of training as a phrase."""
    end = "stopped early" if result.stopped_early else "trained"
    return (
        f"{end} after {len(result.history)} epochs in {_clock(result.seconds)}; "
        f"kept epoch {result.best_epoch}, {_kind(result)} {result.best_loss:.4g}"
    )


def _kind(result: TrainingResult) -> str:
    return "loss" if result.history[-1].validation is None else "validation"


def _clock(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
