"""Ctrl-C as a question that the loop answers between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """While entered, the first Ctrl-C only sets `pending`; the second one raises KeyboardInterrupt at once.

    Outside the main thread, or where SIGINT is ignored (nohup), it does nothing.
    """

    def __init__(self) -> None:
        self.pending = False
        self._immediate = False
        self._previous = None

    def __enter__(self) -> Interrupts:
        here = threading.current_thread() is threading.main_thread()
        if here and signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, None):
            self._previous = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    @contextmanager
    def immediate(self) -> Iterator[None]:
        """Code that may be broken off anywhere: here Ctrl-C raises KeyboardInterrupt the first time."""
        self._immediate = True
        try:
            if self.pending:
                raise KeyboardInterrupt
            yield
        finally:
            self._immediate = False

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self.pending or self._immediate:
            raise KeyboardInterrupt
        self.pending = True
