from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any, Self

from recurra.cli._stream_sessions import Sessions
from recurra.errors import RecurraError


class Ending:
    """Ctrl-C and SIGTERM, as something to read from: what is going on is finished first. A second one ends at once."""

    def __enter__(self) -> Self:
        self.received: int | None = None
        self.at_once = False
        self.descriptor, self._written = os.pipe()
        os.set_blocking(self._written, False)
        self._former: dict[int, Any] = {
            number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)
        }
        # Written to before any Python runs, so that no signal comes just too late to be seen.
        self._former_wakeup = signal.set_wakeup_fd(self._written)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._former_wakeup)
        for number, handler in self._former.items():
            signal.signal(number, handler)
        os.close(self.descriptor)
        os.close(self._written)

    def _note(self, number: int, _: object) -> None:
        if self.received is not None:
            self.at_once = True
            raise KeyboardInterrupt
        self.received = number


class Keeper:
    """Keeps the states of a stream in a file, if one is given, every so many seconds in which something came."""

    def __init__(self, sessions: Sessions, path: Path | None, every: float, warn: Any) -> None:
        self._sessions, self._path, self._every, self._warn = sessions, path, every, warn
        self._saved = time.monotonic()
        self._is_behind = False

    @property
    def seconds(self) -> float | None:
        """How long it may wait; None as long as there is nothing to save."""
        return max(0.0, self._saved + self._every - time.monotonic()) if self._is_behind else None

    def pass_by(self, *, came: bool) -> None:
        """Save what came, if it's time. A save that fails is told of and tried again later."""
        self._is_behind = self._path is not None and (self._is_behind or came)
        if self.seconds == 0:
            try:
                self.save()
            except RecurraError as error:
                self._warn(str(error))
                self._saved = time.monotonic()

    def save(self) -> None:
        """Save now."""
        if self._path is not None:
            self._sessions.save(self._path)
        self._saved, self._is_behind = time.monotonic(), False
