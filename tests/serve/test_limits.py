from __future__ import annotations

import asyncio
import time

import pytest

from recurra.serve._limits import Buckets
from recurra.serve._problem import Problem


def test_a_body_may_be_so_large_and_no_larger(serve):
    site = serve(forget=True, max_body=2000)
    rows = {"rows": [1] * 900}
    sentence = site.refused(413, "size", "POST", "/models/mean/predict", json={"rows": [1] * 1200})
    assert "2000 bytes" in sentence
    # Without a declared length, too.
    pieces = iter([b'{"rows": [', *[b"1," * 100] * 20])
    site.refused(413, "size", "POST", "/models/mean/predict", content=pieces)
    assert site.post("/models/mean/predict", json=rows).status_code == 200


def test_sessions_in_all_and_by_client(serve):
    site = serve(forget=True, max_sessions=3, max_sessions_per_client=2)
    one = site.open()
    fork = site.post(f"/sessions/{one}/fork").json()["session"]
    for request in (
        ("POST", "/models/mean/sessions"),
        ("POST", f"/sessions/{one}/fork"),
    ):
        assert "2 sessions open" in site.refused(429, "sessions", *request)
    assert site.post("/models/mean/sessions").headers["retry-after"] == "60"
    site._transport.client = ("10.0.0.9", 1)
    site.open()
    site._transport.client = ("10.0.0.10", 1)
    assert "3 sessions" in site.refused(429, "sessions", "POST", "/models/mean/sessions")
    assert site.delete(f"/sessions/{fork}").status_code == 200
    site.open()


def test_a_session_that_failed_to_open_counts_for_nothing(serve):
    site = serve(forget=True, max_sessions=1)
    for _ in range(3):
        site.refused(422, "data", "POST", "/models/mean/sessions", json={"rows": ["x"]})
    site.open()


def test_more_calls_than_the_rate_have_to_wait(serve):
    site = serve(forget=True, rate=5)
    statuses = [site.get("/models").status_code for _ in range(8)]
    assert statuses[:5] == [200] * 5 and 429 in statuses
    site._transport.client = ("10.0.0.9", 1)
    assert site.get("/models").status_code == 200


def test_a_socket_that_pushes_too_fast_is_told_and_stays_open(serve):
    site = serve(forget=True, rate=5)
    with site.socket(f"/sessions/{site.open()}/ws") as socket:
        replies = []
        for _ in range(8):
            socket.send_text("1")
            replies.append(socket.receive_json())
        assert replies[-1]["code"] == "rate" and replies[0]["step"] == 1
        assert replies[-1].keys() == {"error", "code"}


def test_every_step_of_a_request_counts(serve):
    site = serve(forget=True, rate=50)
    session = site.open()
    for request in (("/models/mean/predict", "rows"), (f"/sessions/{session}/push", "xs")):
        site.service.buckets._tokens.clear()
        assert site.post(request[0], json={request[1]: [1] * 40}).status_code == 200
        assert "steps a second" in site.refused(429, "rate", "POST", request[0], json={request[1]: [1] * 40})


def test_more_than_a_bucket_holds_is_waited_for_afterwards():
    buckets = Buckets(20)
    buckets.take("a", 60)
    with pytest.raises(Problem) as refused:
        buckets.take("a")
    assert (refused.value.headers or {})["Retry-After"] == "3"
    buckets.prune()
    assert buckets._tokens


def test_a_bucket_fills_again_and_is_forgotten_when_full():
    buckets = Buckets(20)
    for _ in range(20):
        buckets.take("a")
    with pytest.raises(Problem):
        buckets.take("a")
    buckets.prune()
    assert buckets._tokens
    time.sleep(0.1)
    buckets.take("a")
    buckets._tokens["a"] = (0.0, time.monotonic() - 2)
    buckets.prune()
    assert not buckets._tokens


def test_work_that_takes_too_long_is_answered_and_runs_to_its_end(serve):
    site = serve(forget=True, timeout=0.1)
    session = site.open()
    assert "0.1 seconds" in site.refused(503, "time", "POST", f"/sessions/{session}/push", json={"x": -404})
    time.sleep(0.6)
    shown = site.get(f"/sessions/{session}").json()
    assert (shown["steps"], shown["answer"]) == (1, {"mean": -404.0})


def test_a_body_that_takes_too_long_is_answered(serve):
    site = serve(forget=True, timeout=0.1)

    async def call():
        sent = []

        async def receive():
            await asyncio.sleep(0.04)
            return {"type": "http.request", "body": b"1", "more_body": True}

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http", "method": "POST", "path": "/models/mean/predict", "raw_path": b"", "query_string": b"",
            "headers": [(b"host", b"127.0.0.1")], "client": ("127.0.0.1", 1), "http_version": "1.1", "scheme": "http",
        }  # fmt: skip
        await site.app(scope, receive, send)
        return sent

    sent = asyncio.run(call())
    assert sent[0]["status"] == 408 and b"complete" in sent[1]["body"]


def test_sessions_that_nobody_uses_are_closed(serve):
    site = serve(forget=True, idle_hours=0.05 / 3600, snapshot_every=0.02)
    session = site.open()
    time.sleep(0.3)
    site.refused(404, "session", "GET", f"/sessions/{session}")
    assert len(site.service.sessions) == 0
