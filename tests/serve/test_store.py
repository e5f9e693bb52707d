from __future__ import annotations

import asyncio
import logging
import sqlite3

import pytest

from recurra.errors import ConfigError
from recurra.serve._problem import Problem
from recurra.serve._store import Record, Store
from serve.running_mean import write_mean


@pytest.fixture
def file(tmp_path):
    return tmp_path / "sessions.sqlite"


def record(sid: str, state: bytes = b"state") -> Record:
    return Record(sid, "mean", b"f" * 16, "owner", 1.0, 2.0, state)


def kept(file):
    store = Store(file, durable=True)
    found = asyncio.run(store.load())
    store.close()
    return found


def test_what_is_saved_journalled_and_deleted_is_found_again(file):
    async def write():
        store = Store(file, durable=True)
        await store.save([record("a"), record("b"), record("c")])
        await store.journal([("a", b"1"), ("b", b"2"), ("a", b"3")])
        await store.save([record("b", b"later")])
        await store.delete(["c"])
        store.close()

    asyncio.run(write())
    records, journal = kept(file)
    assert sorted(records) == [record("a"), record("b", b"later")]
    assert journal == {"a": [b"1", b"3"]}


def test_writes_happen_in_the_order_of_asking_even_when_nobody_waits(file):
    async def write():
        store = Store(file, durable=True)
        asking = [store.save([record("a", b"%d" % i)]) for i in range(20)] + [store.journal([("a", b"x")])]
        await asyncio.gather(*map(asyncio.ensure_future, asking))
        store.close()

    asyncio.run(write())
    assert kept(file) == ([record("a", b"19")], {"a": [b"x"]})


def test_a_full_disk_changes_nothing_and_passes(file, caplog):
    async def write():
        store = Store(file, durable=True)
        await store.save([record("a")])
        pages = store._database.execute("PRAGMA page_count").fetchone()[0]
        store._database.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(Problem) as full:
            await store.save([record("b", b"x" * 100_000)])
        with pytest.raises(Problem):
            await store.journal([("a", b"x" * 100_000)])
        assert full.value.status_code == 507 and "full" in store.failing
        store._database.execute("PRAGMA max_page_count = 1000000")
        await store.save([record("c")])
        assert store.failing == ""
        store.close()

    with caplog.at_level(logging.WARNING, "recurra.serve"):
        asyncio.run(write())
    assert [r.levelname for r in caplog.records] == ["ERROR", "WARNING"]
    assert sorted(kept(file)[0]) == [record("a"), record("c")]


@pytest.mark.parametrize("damage", ["not a database at all" * 50, "torn"])
def test_a_corrupt_file_is_set_aside_and_said(file, caplog, damage):
    store = Store(file, durable=True)
    asyncio.run(store.save([record(f"s{i}", b"x" * 3000) for i in range(50)]))
    store.close()
    content = file.read_bytes()
    damaged = damage.encode() if damage != "torn" else content[:4096] + b"\xaa" * 30_000 + content[34_096:]
    file.write_bytes(damaged)
    assert kept(file) == ([], {})
    assert "corrupt" in caplog.text and "set aside" in caplog.text
    (aside,) = file.parent.glob("*.corrupt-*")
    assert aside.read_bytes() == damaged


def test_files_of_others_are_left_alone(file, tmp_path):
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()
    with pytest.raises(ConfigError, match="another program"):
        Store(file, durable=False)
    newer = tmp_path / "newer.sqlite"
    Store(newer, durable=False).close()
    with sqlite3.connect(newer) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(ConfigError, match="newer recurra"):
        Store(newer, durable=False)
    with pytest.raises(ConfigError, match="--sessions"):
        Store(tmp_path / "nowhere" / "x.sqlite", durable=False)


def test_one_server_has_a_file(file, monkeypatch):
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: connect(*args, **{**options, "timeout": 0.01}))
    store = Store(file, durable=False)
    with pytest.raises(ConfigError, match="another server"):
        Store(file, durable=False)
    store.close()
    Store(file, durable=False).close()


def test_sessions_outlive_the_server(serve, tmp_path):
    with serve(enter=False) as site:
        session = site.open(rows=[1, 2])
        closed = site.open()
        site.portal.call(site.service.sessions.snapshot)
        site.delete(f"/sessions/{closed}")
        site.push(session, 6)
    again = serve()
    assert again.get(f"/sessions/{session}").json()["steps"] == 3
    assert again.push(session, 3) == {"step": 4, "answer": {"mean": 3.0}}
    again.refused(404, "session", "GET", f"/sessions/{closed}")


def crash(site):
    """What kill -9 leaves: nothing of what this process still meant to do."""
    service = site.service
    site.portal.call(service._ticking.cancel)
    store = service._store
    service._store = service.sessions._store = None
    store.close()


def test_what_was_acknowledged_outlives_a_crash_with_durable(serve):
    site = serve(durable=True, snapshot_every=3600)
    session = site.open(rows=[1])
    site.push(session, 3)
    site.refused(422, "data", "POST", f"/sessions/{session}/push", json={"x": "wrong"})
    site.post(f"/sessions/{session}/push", json={"xs": [2, 2]})
    fork = site.post(f"/sessions/{session}/fork").json()["session"]
    site.push(fork, 12)
    reset = site.open(rows=[1, 2, 3])
    site.post(f"/sessions/{reset}/reset")
    site.push(reset, 5)
    site.refused(422, "data", "POST", f"/sessions/{reset}/push", json={"x": "wrong"})
    crash(site)
    again = serve(durable=True)
    assert again.push(session, 2) == {"step": 5, "answer": {"mean": 2.0}}
    assert again.push(fork, 0)["answer"] == {"mean": 20 / 6}
    assert again.push(reset, 7) == {"step": 2, "answer": {"mean": 6.0}}


def test_a_snapshot_never_loses_or_repeats_a_journalled_push(serve):
    site = serve(durable=True, snapshot_every=3600)
    sessions, entry = site.service.sessions, site.service.sessions.find(site.open(rows=[1]))

    async def push_while_a_snapshot_is_written():
        snapshot = asyncio.ensure_future(sessions.snapshot())
        await asyncio.sleep(0)  # it has taken the state by now, without this push
        await sessions.push(entry, 2.0)
        await snapshot

    async def snapshot_while_a_push_is_written():
        push = asyncio.ensure_future(sessions.push(entry, 3.0))
        for _ in range(4):  # on its way to the journal by now, but not in the state
            await asyncio.sleep(0)
        await sessions.snapshot()
        await push

    for happening, steps in ((push_while_a_snapshot_is_written, 2), (snapshot_while_a_push_is_written, 3)):
        entry = site.service.sessions.find(entry.sid)
        site.portal.call(happening)
        crash(site)
        site = serve(durable=True, snapshot_every=3600)
        sessions = site.service.sessions
        assert site.get(f"/sessions/{entry.sid}").json()["steps"] == steps


def test_without_durable_the_last_snapshot_outlives_a_crash(serve):
    site = serve(snapshot_every=3600)
    session = site.open(rows=[1])
    site.portal.call(site.service.sessions.snapshot)
    site.push(session, 3)
    crash(site)
    assert serve().get(f"/sessions/{session}").json()["steps"] == 1


def test_a_full_disk_refuses_durable_pushes_and_the_server_lives_on(serve):
    site = serve(durable=True)
    session = site.open()
    database = site.service.sessions._store._database
    database.execute(f"PRAGMA max_page_count = {database.execute('PRAGMA page_count').fetchone()[0]}")
    while site.post(f"/sessions/{session}/push", json={"x": 1.25}).status_code == 200:
        pass
    steps = site.get(f"/sessions/{session}").json()["steps"]
    site.refused(507, "storage", "POST", f"/sessions/{session}/push", json={"x": 1.25})
    assert site.get(f"/sessions/{session}").json()["steps"] == steps
    assert "can't be saved" in site.refused(503, "not_ready", "GET", "/ready")
    assert site.get("/health").status_code == 200
    database.execute("PRAGMA max_page_count = 1000000")
    assert site.push(session, 1)["step"] == steps + 1
    assert site.get("/ready").status_code == 200


def test_a_session_of_a_version_that_is_gone(serve, bundle):
    with serve(enter=False) as site:
        session = site.open()
    write_mean(bundle, scale=2.0, overwrite=True)
    with serve(enter=False) as again:
        for method, path in (("GET", ""), ("POST", "/push"), ("DELETE", ""), ("GET", "/events")):
            body = {"json": {"x": 1}} if path == "/push" else {}
            assert "version" in again.refused(410, "gone", method, f"/sessions/{session}{path}", **body)
    write_mean(bundle, scale=1.0, overwrite=True)
    assert serve().get(f"/sessions/{session}").status_code == 200
