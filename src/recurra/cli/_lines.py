from __future__ import annotations

import os
import select

CHUNK = 1 << 16
LONGEST = 1 << 20  # bytes of a line; of a longer one only so many are kept, and one more


class Lines:
    """The lines of an open file, pipe or terminal, as soon as they are whole.

    Once the descriptor `stop` can be read, if there is one, there are no more lines.
    """

    def __init__(self, descriptor: int, stop: int | None = None) -> None:
        self._descriptor = descriptor
        self._stop = stop
        self._rest = b""

    def wait(self, seconds: float | None = None) -> list[bytes] | None:
        """The lines that are there, waiting for some if need be; none when `seconds` are over, None at the end."""
        watched = [self._descriptor] if self._stop is None else [self._descriptor, self._stop]
        ready, _, _ = select.select(watched, [], [], seconds)
        if self._stop in ready:
            return None
        if not ready:
            return []
        data = os.read(self._descriptor, CHUNK)
        if not data:
            rest, self._rest = self._rest, b""
            return [rest] if rest else None
        *whole, rest = (self._rest + data).split(b"\n")
        self._rest = rest[: LONGEST + 1]
        return whole
