from __future__ import annotations

import json

import pytest

from recurra.runtime import seal
from serve.running_mean import write_mean


def test_a_session_is_pushed_step_by_step(site):
    session = site.open()
    assert site.push(session, 1) == {"step": 1, "answer": {"mean": 1.0}}
    assert site.push(session, 3) == {"step": 2, "answer": {"mean": 2.0}}
    shown = site.get(f"/sessions/{session}").json()
    assert (shown["model"], shown["steps"], shown["answer"]) == ("mean", 2, {"mean": 2.0})


def test_several_steps_at_once_are_all_taken_or_none(site):
    session = site.open()
    answer = site.post(f"/sessions/{session}/push", json={"xs": [1, 2, 3]}).json()
    assert answer == {"step": 3, "answer": {"mean": 2.0}}
    site.refused(422, "data", "POST", f"/sessions/{session}/push", json={"xs": [5, "what"]})
    assert site.get(f"/sessions/{session}").json()["steps"] == 3


def test_a_session_begins_after_rows_and_with_options(site):
    session = site.open(rows=[2, 4], options={"start": 6})
    assert site.push(session, 0) == {"step": 3, "answer": {"mean": 4.0}}


def test_predict_needs_no_session(site):
    predicted = site.post("/models/mean/predict", json={"rows": [1, 2, 6]}).json()
    assert predicted == {"answer": {"mean": 3.0}, "rows": [{"step": 3, "mean": 3.0}]}
    assert len(site.service.sessions) == 0


def test_a_fork_goes_its_own_way(site):
    one = site.open(rows=[1])
    response = site.post(f"/sessions/{one}/fork")
    assert response.status_code == 201
    other = response.json()["session"]
    assert site.push(one, 3)["answer"] == {"mean": 2.0}
    assert site.push(other, 5) == {"step": 2, "answer": {"mean": 3.0}}


def test_reset_goes_back_to_the_beginning(site):
    session = site.open(rows=[1, 2])
    shown = site.post(f"/sessions/{session}/reset").json()
    assert shown["steps"] == 0 and "answer" not in shown
    assert site.push(session, 7) == {"step": 1, "answer": {"mean": 7.0}}


def test_snapshots_are_taken_put_back_and_opened_anew(site):
    session = site.open(rows=[1, 2])
    snapshot = site.get(f"/sessions/{session}/snapshot")
    assert snapshot.headers["content-type"] == "application/octet-stream"
    site.push(session, 90)
    assert site.put(f"/sessions/{session}/snapshot", content=snapshot.content).json()["steps"] == 2
    assert site.push(session, 3)["answer"] == {"mean": 2.0}
    response = site.post("/models/mean/sessions/restore", content=snapshot.content)
    assert (response.status_code, response.json()["steps"]) == (201, 2)
    assert response.json()["session"] != session


def test_a_closed_session_is_gone(site):
    session = site.open()
    assert site.delete(f"/sessions/{session}").json() == {"deleted": session}
    assert "closed" in site.refused(404, "session", "GET", f"/sessions/{session}")
    assert site.service.open_sessions() == {"mean": 0}


def test_the_inside_of_a_push_moves_nothing(site):
    session = site.open(rows=[2])
    inside = site.post(f"/sessions/{session}/inside", json={"x": 4}).json()
    assert inside["answer"] == {"mean": 3.0}
    assert inside["traces"] == [
        {"branch": "main", "layer": 0, "cell": "rnn", "gates": ["a"], "values": [[[1.0, 1.0]]],
         "hidden": [[None, None]], "memory": None}
    ]  # fmt: skip
    site.refused(422, "data", "POST", f"/sessions/{session}/inside", json={"x": 4, "hold": {"f": 0}})
    assert site.get(f"/sessions/{session}").json()["steps"] == 1


def test_generating_streams_each_step_and_moves_the_session_at_the_end(site):
    session = site.open(rows=[3])
    text = site.post(f"/sessions/{session}/generate", json={"steps": 2}).text
    events = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.strip().split("\n\n")]
    assert [event["event"] for event in events] == ["answer", "answer", "end"]
    assert json.loads(events[1]["data"])["step"] == 3
    assert site.get(f"/sessions/{session}").json()["steps"] == 3


def test_a_push_while_generating_wins(site, monkeypatch):
    session = site.open()
    entry = site.service.sessions.find(session)
    fork = type(entry.session).fork

    def fork_and_push(this):
        copy = fork(this)
        this.take(9.0)
        return copy

    monkeypatch.setattr(type(entry.session), "fork", fork_and_push)
    text = site.post(f"/sessions/{session}/generate", json={"steps": 1}).text
    assert "event: error" in text and "pushed meanwhile" in text
    assert entry.session.total >= 9.0


def test_what_is_known_of_models(site):
    card = site.get("/models/mean").json()
    assert site.get("/models").json() == {"models": [card]}
    assert (card["name"], card["task"], card["verdict"]) == ("mean", "mean", {"beats": ["persistence"]})
    spec = site.get("/models/mean/spec").json()
    assert spec["example"] == 1.5 and spec["push"]["type"] == "number"


def test_health_readiness_and_metrics(site):
    assert site.get("/health").json() == {"status": "ok"}
    assert site.get("/ready").json() == {"status": "ready"}
    session = site.open()
    site.push(session, 1)
    site.post(f"/sessions/{session}/push", json={"xs": [1, 2]})
    site.post("/sessions/nobody/push", json={"x": 1})
    text = site.get("/metrics").text
    assert 'recurra_pushes_total{model="mean"} 3' in text
    assert 'recurra_push_seconds_bucket{model="mean",le="+Inf"} 3' in text
    assert 'recurra_sessions_open{model="mean"} 1' in text
    assert 'recurra_errors_total{model="",code="session"} 1' in text


def test_the_page_and_its_files_come_from_memory(site):
    page = site.get("/")
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    again = site.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert again.status_code == 304
    for path in ("/static/../_app.py", "/static/%2e%2e/_app.py", "/static//etc/passwd", "/static/nothing"):
        assert site.get(path).status_code == 404


@pytest.mark.parametrize(
    ("status", "code", "method", "path", "request_"),
    [
        (404, "model", "GET", "/models/nobody", {}),
        (404, "http", "GET", "/nowhere", {}),
        (405, "http", "PATCH", "/models", {}),
        (422, "request", "POST", "/models/mean/predict", {"json": {"rows": []}}),
        (415, "type", "POST", "/models/mean/predict", {"content": b"rows=1"}),
        (422, "request", "POST", "/models/mean/predict", {"json": [1]}),
        (422, "request", "POST", "/models/mean/predict", {}),
        (400, "json", "POST", "/models/mean/predict", {"content": b'{"rows": [NaN]}'}),
        (400, "json", "POST", "/models/mean/predict", {"content": b"[" * 5000}),
        (400, "json", "POST", "/models/mean/predict", {"content": b'{"rows": ["\\ud800"]}'}),
        (422, "data", "POST", "/models/mean/predict", {"json": {"rows": ["text"]}}),
        (422, "data", "POST", "/models/mean/predict", {"content": b'{"rows": [1e999]}'}),
        (422, "options", "POST", "/models/mean/sessions", {"json": {"options": {"self": 1}}}),
        (422, "data", "POST", "/models/mean/sessions", {"json": {"options": {"start": "x"}}}),
        (422, "state", "POST", "/models/mean/sessions/restore", {"content": b"nothing"}),
        (404, "session", "POST", "/sessions/nobody/push", {"json": {"x": 1}}),
        (404, "session", "GET", "/sessions/nobody/events", {}),
    ],
)
def test_wrong_requests_get_a_sentence(site, status, code, method, path, request_):
    if "content" in request_ and b"=" not in request_["content"]:
        request_ = {"headers": {"Content-Type": "application/json"}, **request_}
    sentence = site.refused(status, code, method, path, **request_)
    assert sentence.endswith(".") and len(sentence) > 20


def test_a_body_of_another_type_is_refused(site):
    request = {"content": b'{"x": 1}', "headers": {"Content-Type": "text/plain; charset=utf-8"}}
    sentence = site.refused(415, "type", "POST", f"/sessions/{site.open()}/push", **request)
    assert sentence == "The body is text/plain. Send JSON, with Content-Type: application/json."


def test_health_without_a_body(site):
    for path in ("/health", "/ready"):
        assert site.head(path).status_code == 200


def test_a_push_is_x_or_xs(site):
    session = site.open()
    for body in ({}, {"x": 1, "xs": [1]}, {"y": 1}, {"xs": []}):
        assert ".." not in site.refused(422, "request", "POST", f"/sessions/{session}/push", json=body)
    assert site.get(f"/sessions/{session}").json()["steps"] == 0


def test_state_of_another_model_truncated_or_damaged(site, serve, tmp_path):
    other = serve(write_mean(tmp_path / "other", scale=2.0), forget=True)
    foreign = other.get(f"/sessions/{other.open('other')}/snapshot").content
    session = site.open(rows=[1])
    own = site.get(f"/sessions/{session}/snapshot").content
    damaged = own[:40] + bytes([own[40] ^ 1]) + own[41:]
    made_up = seal(site.service.shelf.find("mean").model.fingerprint, b"nothing")
    for state, word in ((foreign, "another model"), (own[:-3], "long"), (damaged, "damaged"), (made_up, "aren't")):
        for method, path in (("PUT", f"/sessions/{session}/snapshot"), ("POST", "/models/mean/sessions/restore")):
            assert word in site.refused(422, "state", method, path, content=state)
    assert site.get(f"/sessions/{session}").json()["steps"] == 1


def test_a_bug_of_ours_is_said_to_be_one(bundle, serve, monkeypatch):
    site = serve(forget=True)
    session = site.open()
    monkeypatch.setattr(type(site.service.sessions.find(session).session), "push", lambda *_: 1 / 0)
    site._transport.raise_server_exceptions = False
    assert "our mistake" in site.refused(500, "bug", "POST", f"/sessions/{session}/push", json={"x": 1})
    assert site.get("/health").status_code == 200
