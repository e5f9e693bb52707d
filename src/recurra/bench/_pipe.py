from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from recurra.errors import RecurraError

# Read by whatever runtime has such a variable, so that no pool is larger than asked for.
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_ENDING_SECONDS = 5.0


class WorkerFailed(RecurraError):
    """A worker that answered with an error, or ended."""


class Worker:
    """The other end of `recurra.bench._worker`: a process that works when asked, and sleeps otherwise.

    `send` and `receive` are apart so that several can prepare at once; `ask` does both. `threads` None leaves the
    number to the runtime.
    """

    def __init__(self, home: str, threads: int | None) -> None:
        count = threads or os.cpu_count() or 1
        environment = os.environ | (dict.fromkeys(_THREADS, str(threads)) if threads else {})
        self._said = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "recurra.bench._worker", home, str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env=environment,
        )
        self.restless = False  # whether threads of it ran on after an answer

    def send(self, do: str, **arguments: Any) -> None:
        assert self._process.stdin is not None
        try:
            # Past the buffer, which would keep what a process that ended didn't take.
            os.write(self._process.stdin.fileno(), (json.dumps({"do": do, "with": arguments}) + "\n").encode())
        except BrokenPipeError as error:
            raise self._ended() from error

    def receive(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        answer: Mapping[str, Any] = json.loads(line)
        self.restless = self.restless or not answer["asleep"]
        if "error" in answer:
            raise WorkerFailed(answer["error"])
        return answer["answer"]

    def ask(self, do: str, **arguments: Any) -> Any:
        self.send(do, **arguments)
        return self.receive()

    def _ended(self) -> WorkerFailed:
        code = self._process.wait(_ENDING_SECONDS)
        self._said.seek(0)
        lines = [line.strip() for line in self._said if line.strip()]
        return WorkerFailed(f"its process ended with code {code}{': ' + lines[-1] if lines else ''}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._said):
            assert stream is not None
            stream.close()
