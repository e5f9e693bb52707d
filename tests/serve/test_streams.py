from __future__ import annotations

import asyncio
import json

import pytest
from starlette.testclient import WebSocketDenialResponse

from recurra.serve._entry import Entry


def test_a_socket_answers_each_push_in_order(site):
    session = site.open()
    with site.socket(f"/sessions/{session}/ws") as socket:
        for x in (1, 2, 3):
            socket.send_text(str(x))
        assert [socket.receive_json()["step"] for _ in range(3)] == [1, 2, 3]
        socket.send_bytes(b"6")
        assert socket.receive_json() == {"step": 4, "answer": {"mean": 3.0}}
    assert site.get(f"/sessions/{session}").json()["steps"] == 4


def test_a_socket_survives_wrong_messages(site):
    with site.socket(f"/sessions/{site.open()}/ws") as socket:
        for message, code in (("NaN", "json"), ("{", "json"), ('"text"', "data"), ("null", "data"), ("", "json")):
            socket.send_text(message)
            reply = socket.receive_json()
            assert reply["code"] == code and reply["error"].endswith(".")
        socket.send_text('{"x": 5}')  # as over HTTP
        assert "A message is the push itself, without" in socket.receive_json()["error"]
        socket.send_text("5")
        assert socket.receive_json()["step"] == 1
    assert 'recurra_errors_total{model="mean",code="json"} 3' in site.get("/metrics").text


def test_a_socket_of_no_session_is_refused_with_a_sentence(site):
    with pytest.raises(WebSocketDenialResponse) as refused, site.socket("/sessions/nobody/ws"):
        pass
    assert refused.value.status_code == 404 and refused.value.json()["code"] == "session"


def test_a_socket_whose_session_is_closed_is_closed(site):
    session = site.open()
    with site.socket(f"/sessions/{session}/ws") as socket:
        site.delete(f"/sessions/{session}")
        socket.send_text("1")
        assert socket.receive_json()["code"] == "session"
        assert socket.receive() == {"type": "websocket.close", "code": 4404, "reason": "The session was closed."}


def entry_of(site, session: str) -> Entry:
    return site.service.sessions.find(session)


def test_events_tell_of_every_answer_whoever_pushes(site):
    session = site.open()

    async def listen():
        stream = entry_of(site, session).listen()
        heard = [await anext(stream)]
        await site.service.sessions.push(entry_of(site, session), 1.0)
        await site.service.sessions.push_all(entry_of(site, session), [2.0, 3.0])
        heard += [await anext(stream), await anext(stream)]
        site.service.hang_up()
        return heard + [event async for event in stream]

    hello, first, second, end = site.portal.call(listen)
    assert hello.startswith(b"retry:")
    assert first == b'id: 1\nevent: answer\ndata: {"step":1,"answer":{"mean":1.0}}\n\n'
    assert json.loads(second.split(b"data: ")[1]) == {"step": 3, "answer": {"mean": 2.0}}
    assert end == b"event: end\ndata: {}\n\n"


def test_a_listener_that_doesnt_read_loses_the_oldest(site):
    session = site.open()

    async def listen():
        stream = entry_of(site, session).listen()
        await anext(stream)
        for step in range(100):
            entry_of(site, session).publish(step, b"0")
        first = await anext(stream)
        await stream.aclose()
        return first, entry_of(site, session)._listeners

    first, listeners = site.portal.call(listen)
    assert first.startswith(b"id: 36\n") and listeners == []


def test_quiet_streams_give_signs_of_life(site, monkeypatch):
    monkeypatch.setattr("recurra.serve._entry._SIGN_OF_LIFE", 0.01)
    session = site.open()

    async def listen():
        stream = entry_of(site, session).listen()
        return [await anext(stream) for _ in range(3)][1:]

    assert site.portal.call(listen) == [b": still here\n\n"] * 2


def test_pushes_that_wait_together_go_in_one_call(site):
    model = site.service.shelf.find("mean").model
    sessions = [site.open() for _ in range(20)]
    model.batches.clear()

    async def push_all():
        entries = [entry_of(site, session) for session in sessions]
        pushes = [site.service.sessions.push(entry, x) for x, entry in enumerate(entries) for _ in range(3)]
        return await asyncio.gather(*pushes)

    answers = site.portal.call(push_all)
    assert [step for step, _ in answers] == [1, 2, 3] * 20
    assert model.batches == [20, 20, 20]
    assert [json.loads(document)["mean"] for _, document in answers[::3]] == list(range(20))


def test_one_wrong_push_spoils_no_other_of_its_batch(site):
    entries = [entry_of(site, site.open()) for _ in range(3)]

    async def push_all():
        pushes = [site.service.sessions.push(entry, x) for entry, x in zip(entries, (1, "wrong", 3), strict=True)]
        return await asyncio.gather(*pushes, return_exceptions=True)

    first, wrong, last = site.portal.call(push_all)
    assert first[1] == b'{"mean":1.0}' and last[1] == b'{"mean":3.0}'
    assert "wrong" in str(wrong) and entries[1].session.steps == 0
