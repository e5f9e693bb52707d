from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any

WARM_SECONDS = 0.005
# A pool of threads that spins goes to sleep within this, or is said not to.
PATIENCE_SECONDS = 1.0


def time_calls(call: Callable[[], Any], repetitions: int) -> tuple[list[float], Any]:
    """The seconds of each call, and what the last one gave.

    Calls before them, untimed, wake threads and fill caches, which other processes have used meanwhile.
    """
    began = time.perf_counter()
    given = call()
    while time.perf_counter() - began < WARM_SECONDS:
        given = call()
    seconds = []
    gc.disable()
    try:
        for _ in range(repetitions):
            start = time.perf_counter()
            given = call()
            seconds.append(time.perf_counter() - start)
    finally:
        gc.enable()
    return seconds, given


def settle(patience: float = PATIENCE_SECONDS) -> bool:
    """Wait until no thread of this process runs any more: those of most runtimes spin for a while after work.

    False if they still did when patience ended.
    """
    interval, deadline = 0.002, time.monotonic() + patience
    while time.monotonic() < deadline:
        wall, used = time.perf_counter(), time.process_time()
        time.sleep(interval)
        if time.process_time() - used < 0.1 * (time.perf_counter() - wall):
            return True
    return False
