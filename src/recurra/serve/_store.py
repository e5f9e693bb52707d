from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

from recurra.errors import ConfigError
from recurra.serve._problem import Problem

T = TypeVar("T")
log = logging.getLogger("recurra.serve")

_APPLICATION, _FORMAT = 0x52435253, 1  # "RCRS" in the file's head; the tables below
_TABLES = """
CREATE TABLE sessions (
    sid TEXT PRIMARY KEY, model TEXT NOT NULL, fingerprint BLOB NOT NULL, owner TEXT NOT NULL,
    created REAL NOT NULL, used REAL NOT NULL, state BLOB NOT NULL
) STRICT;
CREATE TABLE journal (place INTEGER PRIMARY KEY, sid TEXT NOT NULL, x BLOB NOT NULL) STRICT;
CREATE INDEX journal_of_session ON journal (sid);
"""


class Record(NamedTuple):
    """A session as it lies on disk."""

    sid: str
    model: str
    fingerprint: bytes
    owner: str
    created: float
    used: float
    state: bytes


class Store:
    """Sessions in a sqlite file: a snapshot of each, and where asked the pushes since then.

    One thread does all of it, in the order in which it was asked: what is called later is written later. A write that
    fails leaves the file as it was and raises `Problem`.
    """

    def __init__(self, path: Path, *, durable: bool) -> None:
        """Open or make the file. A corrupt one is set aside, with a word in the log."""
        self._path = path
        self._thread = ThreadPoolExecutor(1, "recurra-store")
        self._database = self._thread.submit(_open_or_set_aside, path, durable).result()
        self.failing = ""  # what went wrong last, until something goes right

    async def journal(self, pushes: Sequence[tuple[str, bytes]]) -> None:
        """Put pushes on disk, all of them in one transaction."""
        await self._write(lambda database: database.executemany("INSERT INTO journal (sid, x) VALUES (?, ?)", pushes))

    async def save(self, records: Sequence[Record]) -> None:
        """Put sessions on disk as they are now; their pushes that were journalled before are part of that."""
        await self._write(lambda database: _save(database, records))

    async def delete(self, sids: Iterable[str]) -> None:
        """Forget sessions."""
        await self._write(lambda database, sids=[(sid,) for sid in sids]: _delete(database, sids))

    async def load(self) -> tuple[list[Record], dict[str, list[bytes]]]:
        """All sessions, and for each the pushes since its snapshot."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, _load, self._database)

    def close(self) -> None:
        """Finish what was asked and let go of the file."""
        self._thread.submit(self._database.close).result()
        self._thread.shutdown()

    async def _write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        # Asked for before anything is awaited, so that the order of calls is the order of writes.
        written = asyncio.get_running_loop().run_in_executor(self._thread, _in_transaction, self._database, work)
        try:
            # A caller that goes away doesn't undo what was asked.
            await asyncio.shield(written)
        except sqlite3.Error as error:
            if not self.failing:
                log.error("%s can't be written: %s. Sessions go on in memory.", self._path, error)
            self.failing = str(error)
            raise Problem(
                507,
                "storage",
                f"The server couldn't save this ({error}), so nothing was changed. Try again when it has room on disk.",
                headers={"Retry-After": "10"},
            ) from error
        if self.failing:
            log.warning("%s can be written again.", self._path)
            self.failing = ""


def _open_or_set_aside(path: Path, durable: bool) -> sqlite3.Connection:
    try:
        return _open(path, durable)
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise ConfigError(
                f"{path} is in use by another server. Give this one a file of its own with --sessions FILE."
            ) from error
        raise ConfigError(f"{path} can't keep sessions: {error}. Choose another file with --sessions.") from error
    except sqlite3.DatabaseError as error:
        aside = path.with_name(f"{path.name}.corrupt-{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 10**6:06d}")
        for ending in ("", "-wal", "-shm"):
            damaged = path.with_name(path.name + ending)
            if damaged.exists():
                damaged.rename(aside.with_name(aside.name + ending))
        log.error("%s is corrupt (%s). It was set aside as %s; there are no sessions yet.", path, error, aside)
        return _open(path, durable)


def _open(path: Path, durable: bool) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=2, isolation_level=None, check_same_thread=False)
    try:
        # Nobody else may write, so nobody needs shared memory. FULL waits for the disk at each commit.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        with _transaction(database):
            _check(database, path)
    except BaseException:
        database.close()
        raise
    return database


def _check(database: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new file; refuse somebody else's and a newer one's."""
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if not tables and not application:
        for statement in _TABLES.split(";"):
            database.execute(statement)
        database.execute(f"PRAGMA application_id = {_APPLICATION}")
        database.execute(f"PRAGMA user_version = {_FORMAT}")
        return
    if application != _APPLICATION:
        raise ConfigError(f"{path} is the database of another program. Choose another file with --sessions.")
    if version > _FORMAT:
        raise ConfigError(f"{path} was made by a newer recurra. Upgrade, or choose another file with --sessions.")
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _in_transaction(database: sqlite3.Connection, work: Callable[[sqlite3.Connection], object]) -> None:
    with _transaction(database):
        work(database)


def _save(database: sqlite3.Connection, records: Sequence[Record]) -> None:
    database.executemany("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)", records)
    database.executemany("DELETE FROM journal WHERE sid = ?", [(record.sid,) for record in records])


def _delete(database: sqlite3.Connection, sids: Sequence[tuple[str]]) -> None:
    database.executemany("DELETE FROM sessions WHERE sid = ?", sids)
    database.executemany("DELETE FROM journal WHERE sid = ?", sids)


def _load(database: sqlite3.Connection) -> tuple[list[Record], dict[str, list[bytes]]]:
    records = [Record(*row) for row in database.execute("SELECT * FROM sessions")]
    pushes: defaultdict[str, list[bytes]] = defaultdict(list)
    for sid, x in database.execute("SELECT sid, x FROM journal ORDER BY place"):
        pushes[sid].append(x)
    return records, pushes
