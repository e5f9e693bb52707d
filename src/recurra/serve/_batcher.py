from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from recurra.errors import RecurraError
from recurra.runtime import Model, Session

MOST = 1024  # pushes in one call, so that none waits long for the others of its batch


@dataclass(frozen=True, eq=False, slots=True)
class Waiting:
    """A push that waits for its turn."""

    sid: str
    session: Session
    x: Any
    answer: asyncio.Future[Any]


class Batcher:
    """Carries pushes to one model: all that wait at the same moment go in one call, in a thread.

    Nothing is delayed to make batches larger: a lone push goes at once, and what comes while it runs is the next batch.
    A session may have one push waiting at most; whoever calls sees to that.
    """

    def __init__(
        self,
        model: Model,
        *,
        threads: Executor,
        journal: Callable[[Sequence[Waiting]], Awaitable[None]] | None,
        ran: Callable[[], None],
    ) -> None:
        self._model = model
        self._threads = threads
        self._journal = journal
        self._ran = ran
        self._waiting: list[Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def push(self, sid: str, session: Session, x: Any) -> Any:
        """The model's answer. The errors are those of `Session.push` and of the journal; nothing has moved then."""
        waiting = Waiting(sid, session, x, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await waiting.answer

    async def finish(self) -> None:
        """Wait until nothing runs or waits."""
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            try:
                if self._journal is not None:
                    await self._journal(batch)
                answers = await loop.run_in_executor(self._threads, _push, self._model, batch)
            except Exception as error:
                answers = [error] * len(batch)
            self._ran()
            for waiting, answer in zip(batch, answers, strict=True):
                if waiting.answer.cancelled():  # the server is going down
                    continue
                if isinstance(answer, Exception):
                    waiting.answer.set_exception(answer)
                else:
                    waiting.answer.set_result(answer)
        self._task = None


def _push(model: Model, batch: Sequence[Waiting]) -> Sequence[Any]:
    """An answer or an error for each push; one that isn't a step spoils no other."""
    if len(batch) > 1:
        try:
            return model.push_many([waiting.session for waiting in batch], [waiting.x for waiting in batch])
        except RecurraError:
            pass  # no session has moved: whose push it was shows below
    return [_push_one(waiting) for waiting in batch]


def _push_one(waiting: Waiting) -> Any:
    try:
        return waiting.session.push(waiting.x)
    except Exception as error:
        return error
