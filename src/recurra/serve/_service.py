from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from recurra.errors import RecurraError
from recurra.runtime import Model
from recurra.serve._config import ServeConfig
from recurra.serve._limits import Buckets
from recurra.serve._metrics import Metrics
from recurra.serve._problem import Problem
from recurra.serve._sessions import Sessions
from recurra.serve._shelf import Shelf
from recurra.serve._store import Store

T = TypeVar("T")
log = logging.getLogger("recurra.serve")


class Service:
    """Everything behind the routes, from loading the models to the last snapshot."""

    def __init__(self, paths: Sequence[Path], config: ServeConfig, *, load: Callable[[Path], Model]) -> None:
        """Load the models and open the file of sessions. BundleError or ConfigError where that can't be."""
        config.check()
        self.config = config
        self.metrics = Metrics()
        self.buckets = Buckets(config.rate)
        self.is_ready = False
        # Batches have threads of their own: long work of others must not hold up a push.
        self._batches = ThreadPoolExecutor(max(2, os.cpu_count() or 2), "recurra-batch")
        self._work = ThreadPoolExecutor(max(2, os.cpu_count() or 2), "recurra-work")
        self.shelf = Shelf(
            paths,
            load=load,
            journal=(lambda batch: self.sessions.journal(batch)) if config.durable else None,
            metrics=self.metrics,
            threads=self._batches,
        )
        self._store = None if config.forget else Store(config.sessions, durable=config.durable)
        self.sessions = Sessions(config, self._store, self.metrics, threads=self._work)
        self._ticking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the sessions that are on disk, and begin with snapshots."""
        await self.sessions.restore(self.shelf)
        self._ticking = asyncio.create_task(self._tick())
        self.is_ready = True

    def hang_up(self) -> None:
        """Begin to go down: end all streams of events, which would go on for ever."""
        self.is_ready = False
        for entry in self.sessions:
            entry.hang_up()

    async def stop(self) -> None:
        """Finish what runs, and leave all sessions on disk."""
        self.hang_up()
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait([self._ticking])
        for served in {entry.served for entry in self.sessions}:
            await served.batcher.finish()
        await self.sessions.snapshot()
        if self._store is not None:
            self._store.close()
        self._batches.shutdown(wait=False)
        self._work.shutdown(wait=False, cancel_futures=True)

    def why_not_ready(self) -> str:
        """What keeps this server from doing what it promises; empty if nothing does."""
        if not self.is_ready:
            return "The server is starting or going down."
        if self.config.durable and self._store is not None and self._store.failing:
            return f"Sessions can't be saved: {self._store.failing}."
        return ""

    async def in_thread(self, work: Callable[[], T]) -> T:
        """What `work` gives, called in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._work, work)

    async def reload(self, name: str) -> bool:
        """Read one bundle again: see `Shelf.reload`."""
        changed = await self.shelf.reload(name)
        if changed:
            log.info("%s was loaded again. Open sessions go on with the version they began with.", name)
        return changed

    async def reload_all(self) -> None:
        """Read all bundles again; one that can't be read stays as it was."""
        for name in self.shelf.current:
            try:
                await self.reload(name)
            except RecurraError as error:
                log.error("%s stays as it was: %s", name, error)

    def open_sessions(self) -> Counter[str]:
        """How many sessions are open, by model."""
        count = Counter(dict.fromkeys(self.shelf.current, 0))
        count.update(entry.served.name for entry in self.sessions)
        return count

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self.config.snapshot_every)
            try:
                await self.sessions.snapshot()
                await self.sessions.close_idle()
            except Problem as problem:  # what it was is in the log; the next round tries again
                self.metrics.errors["", problem.code] += 1
            self.buckets.prune()
