from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from itertools import islice
from typing import Any, TypeVar

from pydantic_core import from_json, to_json

from recurra.errors import RecurraError, StateError
from recurra.runtime import Session
from recurra.serve._batcher import Waiting
from recurra.serve._config import ServeConfig
from recurra.serve._entry import Entry
from recurra.serve._limits import text_size
from recurra.serve._metrics import Metrics
from recurra.serve._problem import Problem
from recurra.serve._shelf import Served, Shelf
from recurra.serve._store import Record, Store

T = TypeVar("T")
log = logging.getLogger("recurra.serve")

_LONG = 4096  # characters of a push that goes alone, since it would hold up the others of a batch
_CHUNK = 200  # sessions that a snapshot takes at a time, while nothing else runs


class Sessions:
    """All open sessions. What happens to one happens in the order in which it was asked, and wholly or not at all."""

    def __init__(self, config: ServeConfig, store: Store | None, metrics: Metrics, *, threads: Executor) -> None:
        self._config, self._store, self._metrics, self._threads = config, store, metrics, threads
        self._entries: dict[str, Entry] = {}
        self._gone: dict[str, Record] = {}  # sessions on disk whose version of a model isn't there any more
        self._owned: Counter[str] = Counter()  # sessions by owner, those included that are about to open

    @property
    def is_durable(self) -> bool:
        """Whether everything is on disk before it is acknowledged."""
        return self._config.durable

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, sid: str) -> Entry:
        """The session of this name, or a 404 or 410."""
        if (entry := self._entries.get(sid)) is not None:
            entry.used = time.time()
            return entry
        if (gone := self._gone.get(sid)) is not None:
            raise Problem(
                410,
                "gone",
                f"This session ran on a version of {gone.model!r} that this server doesn't have. "
                "Serve that bundle again, or open a new session.",
            )
        raise Problem(
            404,
            "session",
            "No session has this name: it was closed, or nobody used it for a long time. Open a new one.",
        )

    async def add(self, served: Served, owner: str, make: Callable[[], Session]) -> Entry:
        """Open what `make`, called in a thread, gives."""
        self._admit(owner)
        try:
            entry = Entry(secrets.token_urlsafe(16), served, await self._in_thread(make), owner)
            await self._save(entry)
        except BaseException:
            self._release(owner)
            raise
        self._entries[entry.sid] = entry
        return entry

    async def push(self, entry: Entry, x: Any) -> tuple[int, bytes]:
        """One step: how many there were, and the answer as JSON."""
        if text_size(x) > _LONG:
            return await self.push_all(entry, [x])
        start = time.perf_counter()
        async with entry.turn:
            self._check_open(entry)
            answer = await entry.served.batcher.push(entry.sid, entry.session, x)
            step, document = self._moved(entry, answer)
        self._metrics.pushed(entry.served.name, time.perf_counter() - start)
        return step, document

    async def push_all(self, entry: Entry, xs: Sequence[Any]) -> tuple[int, bytes]:
        """Several steps, all of them or none; the last one's answer."""
        start = time.perf_counter()
        async with entry.turn:
            answer = await self._replace(entry, lambda session: (session, follow(session, xs)))
            step, document = self._moved(entry, answer)
        seconds = (time.perf_counter() - start) / len(xs)
        self._metrics.pushed(entry.served.name, seconds, len(xs))
        return step, document

    async def change(self, entry: Entry, make: Callable[[Session], Session]) -> None:
        """Put what `make` gives for a copy of the session in its place."""
        async with entry.turn:
            await self._replace(entry, lambda session: (make(session), None))
            entry.answer = None

    async def read(self, entry: Entry, work: Callable[[Session], T]) -> T:
        """What `work`, called in a thread, finds in the session, which stands still meanwhile."""
        async with entry.turn:
            self._check_open(entry)
            return await self._in_thread(lambda: work(entry.session))

    async def close(self, entry: Entry) -> None:
        """Forget a session, here and on disk."""
        async with entry.turn:
            self._check_open(entry)
            if self._store is not None:
                await self._store.delete([entry.sid])
            entry.is_closed = True
            del self._entries[entry.sid]
            self._release(entry.owner)
            entry.hang_up()

    async def close_idle(self) -> None:
        """Forget the sessions that nobody has used for long."""
        oldest = time.time() - self._config.idle_hours * 3600
        for entry in [entry for entry in self if entry.used < oldest and not entry.turn.locked()]:
            await self.close(entry)
        if self._store is not None and (gone := [sid for sid, record in self._gone.items() if record.used < oldest]):
            await self._store.delete(gone)
            for sid in gone:
                del self._gone[sid]

    async def journal(self, batch: Sequence[Waiting]) -> None:
        """Put the pushes of a batch on disk before the model sees them."""
        if self._store is not None:
            await self._store.journal([(waiting.sid, to_json(waiting.x)) for waiting in batch])

    async def snapshot(self) -> None:
        """Put every session on disk that changed since the last time."""
        if self._store is None:
            return
        changed = iter([entry for entry in self if entry.changed])
        while chunk := list(islice(changed, _CHUNK)):
            resting = [entry for entry in chunk if not entry.turn.locked() and not entry.is_closed]
            # Between taking the states and asking for their writing nothing else runs, so no push is journalled that
            # the states don't know and their writing would delete.
            await self._snapshot(self._store, resting)
            for entry in chunk:
                if entry not in resting:
                    async with entry.turn:
                        await self._snapshot(self._store, [] if entry.is_closed else [entry])

    async def restore(self, shelf: Shelf) -> None:
        """Open again what is on disk: each snapshot, and the pushes that were journalled since."""
        if self._store is None:
            return
        records, journal = await self._store.load()
        versions = {served.model.fingerprint: served for served in shelf.current.values()}
        for record in records:
            served = versions.get(record.fingerprint)
            if served is None:
                self._gone[record.sid] = record
                continue
            try:
                session = await self._in_thread(lambda s=served, r=record: _replay(s, r.state, journal.get(r.sid, ())))
            except StateError as error:
                log.error("A session of %s can't be restored: %s", record.model, error)
                self._gone[record.sid] = record
                continue
            entry = Entry(record.sid, served, session, record.owner, created=record.created)
            entry.used, entry.changed = record.used, record.sid in journal
            self._entries[record.sid] = entry
            self._owned[record.owner] += 1
        if records:
            log.info("%d sessions are open again, %d can't be.", len(self), len(self._gone))

    def _moved(self, entry: Entry, answer: Any) -> tuple[int, bytes]:
        entry.answer, entry.changed, entry.used = answer, True, time.time()
        step, document = entry.session.steps, entry.served.document(answer)
        entry.publish(step, document)
        return step, document

    async def _replace(self, entry: Entry, make: Callable[[Session], tuple[Session, T]]) -> T:
        """Work on a copy, save it where that is asked, and only then put it in the session's place."""
        self._check_open(entry)
        session, result = await self._in_thread(lambda: make(entry.session.fork()))
        await self._save(entry, session)
        entry.session, entry.changed = session, True
        return result

    async def _save(self, entry: Entry, session: Session | None = None) -> None:
        if self._store is not None and self.is_durable:
            await self._store.save([entry.record(session)])

    async def _snapshot(self, store: Store, entries: Sequence[Entry]) -> None:
        records = [entry.record() for entry in entries]
        for entry in entries:
            entry.changed = False
        try:
            if records:
                await store.save(records)
        except Problem:
            self._metrics.snapshot_failures += 1
            for entry in entries:
                entry.changed = True

    def _admit(self, owner: str) -> None:
        config = self._config
        if self._owned.total() >= config.max_sessions:
            raise _too_many(f"{config.max_sessions} sessions are open, as many as this server holds.")
        if self._owned[owner] >= config.max_sessions_per_client:
            raise _too_many(f"You have {self._owned[owner]} sessions open, as many as one client may.")
        self._owned[owner] += 1

    def _release(self, owner: str) -> None:
        self._owned[owner] -= 1
        if not self._owned[owner]:
            del self._owned[owner]

    def _check_open(self, entry: Entry) -> None:
        if entry.is_closed:
            raise Problem(404, "session", "This session was closed meanwhile. Open a new one.")

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def follow(session: Session, xs: Sequence[Any]) -> Any:
    """Push all of these, at least one; the answer to the last."""
    for x in xs[:-1]:
        session.observe(x)
    return session.push(xs[-1])


def _replay(served: Served, state: bytes, pushes: Sequence[bytes]) -> Session:
    session = served.restore(state)
    for push in pushes:
        try:
            session.push(from_json(push))
        except RecurraError:
            continue  # it was refused then, too: pushes are written before they are tried
    return session


def _too_many(sentence: str) -> Problem:
    return Problem(
        429, "sessions", f"{sentence} Close some, or try again when others were closed.", headers={"Retry-After": "60"}
    )
