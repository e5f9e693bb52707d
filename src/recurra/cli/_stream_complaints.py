from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable

from recurra.errors import DataError, RecurraError

SHOWN = 20  # bad lines of one kind that are reported
PATIENCE = 0.5  # seconds without a line, after which lines that were passed over are summed up


class Complaints:
    """What is said of lines that no answer comes from: bad ones on stderr one by one, as long as they are few.

    If `strict`, a bad line is raised as DataError instead. Lines of the past are only summed up, by `remark`.
    """

    def __init__(self, *, strict: bool, remark: Callable[[str], None]) -> None:
        self.is_strict, self._remark = strict, remark
        self._kinds: Counter[tuple[str, int]] = Counter()
        self._passed = 0
        self.passed = 0

    @property
    def bad(self) -> int:
        """How many bad lines there were."""
        return self._kinds.total()

    @property
    def is_cut_short(self) -> bool:
        """Whether some of them were only counted."""
        return any(count > SHOWN for count in self._kinds.values())

    @property
    def seconds(self) -> float | None:
        """How long to wait for a line before `sum_up`; None if there is nothing to say."""
        return PATIENCE if self._passed else None

    def report(self, where: str, error: RecurraError, hint: str) -> None:
        """A bad line, why it's bad, and how it was read if that is a guess."""
        if self.is_strict:
            raise DataError(f"{where}: {error} {hint}") from error
        kind = _kind(error)
        self._kinds[kind] += 1
        if self._kinds[kind] <= SHOWN:
            say(f"{where}: {error} {hint}")
        elif self._kinds[kind] == SHOWN + 1:
            say(f"{where} is bad for the same reason as {SHOWN} lines before; further ones are only counted.")

    def pass_over(self) -> None:
        """A line that is no newer than what the state has seen."""
        self._passed += 1
        self.passed += 1

    def sum_up(self) -> None:
        """Say how many lines were passed over since this was said."""
        if self._passed:
            lines = "1 line is" if self._passed == 1 else f"{self._passed:,} lines are"
            self._remark(f"{lines} no newer than what the state has seen; passed over")
        self._passed = 0


def say(text: str) -> None:
    """A line on stderr."""
    print(" ".join(text.split()), file=sys.stderr, flush=True)


def _kind(error: RecurraError) -> tuple[str, int]:
    """Where an error was raised: those of one place differ in values and numbers only."""
    trace = error.__traceback__
    assert trace is not None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename, trace.tb_lineno
