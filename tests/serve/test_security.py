from __future__ import annotations

import pytest
from starlette.testclient import WebSocketDenialResponse

from recurra.errors import ConfigError
from recurra.serve import ServeConfig

TOKEN = {"Authorization": "Bearer a-secret"}


@pytest.fixture
def guarded(serve):
    return serve(forget=True, token="a-secret")


def test_without_the_token_only_the_page_and_health_are_open(guarded):
    for path in ("/", "/health", "/ready"):
        assert guarded.get(path).status_code == 200
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic a-secret"}):
        for path in ("/models", "/metrics", "/openapi.json", "/models/mean", "/sessions/x/snapshot", "/nowhere"):
            assert "Authorization: Bearer" in guarded.refused(401, "token", "GET", path, headers=headers)
        guarded.refused(401, "token", "POST", "/models/mean/reload", headers=headers)
    assert guarded.get("/models", headers=TOKEN).status_code == 200
    assert guarded.get("/models", headers=TOKEN | {"Authorization": "bearer a-secret"}).status_code == 200


def test_the_token_may_stand_in_the_query_only_where_browsers_send_no_headers(guarded):
    guarded.refused(401, "token", "GET", "/models?token=a-secret")
    guarded.refused(404, "session", "GET", "/sessions/nobody/events?token=a-secret")
    guarded.refused(401, "token", "GET", "/sessions/nobody/events?token=a")


def test_a_socket_brings_its_token_in_any_of_three_ways(guarded):
    guarded.headers.update(TOKEN)
    session = guarded.open()
    del guarded.headers["Authorization"]
    path = f"/sessions/{session}/ws"
    for where, options in (
        (path, {"headers": TOKEN}),
        (f"{path}?token=a-secret", {}),
        (path, {"subprotocols": ["recurra.token.a-secret"]}),
    ):
        with guarded.socket(where, **options) as socket:
            socket.send_text("1")
            assert socket.receive_json()["answer"] == {"mean": 1.0}
            assert socket.accepted_subprotocol == ("recurra.token.a-secret" if options.get("subprotocols") else None)
    with pytest.raises(WebSocketDenialResponse) as refused, guarded.socket(f"{path}?token=wrong"):
        pass
    assert refused.value.status_code == 401 and "token" in refused.value.json()["error"]


def test_a_name_pointed_here_from_outside_is_refused(serve):
    site = serve(forget=True)
    for host in ("evil.example", "127.0.0.1.evil.example:8000", "", "[::2]"):
        assert "answers on" in site.refused(403, "host", "GET", "/models", headers={"Host": host})
    for host in ("localhost:1234", "127.0.0.1", "[::1]:8000", "LOCALHOST"):
        assert site.get("/models", headers={"Host": host}).status_code == 200


def test_pages_of_other_sites_are_refused_unless_allowed(serve):
    site = serve(forget=True)
    for origin in ("http://evil.example", "null", "http://127.0.0.1:9", "http://127.0.0.1:8000.evil.example"):
        site.refused(403, "origin", "POST", "/models/mean/sessions", headers={"Origin": origin})
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            site.socket("/sessions/x/ws", headers={"Origin": origin}),
        ):
            pass
        assert refused.value.status_code == 403
    own = site.get("/models", headers={"Origin": "http://127.0.0.1:8000"})
    assert own.status_code == 200 and "access-control-allow-origin" not in own.headers


def test_an_allowed_origin_gets_its_headers_even_with_a_refusal(serve):
    site = serve(forget=True, token="a-secret", allow_origin=("https://app.example",))
    origin = {"Origin": "https://app.example"}
    asked = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    assert site.options("/models/mean/sessions", headers=asked).status_code == 200
    refused = site.get("/models", headers=origin)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://app.example")
    other = site.options("/models", headers={**asked, "Origin": "https://evil.example"})
    assert other.status_code == 400 and "access-control-allow-origin" not in other.headers


def test_every_answer_has_headers_for_browsers(site):
    for path in ("/", "/models", "/nowhere", "/openapi.json"):
        headers = site.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"host": "0.0.0.0"}, "token"),
        ({"host": "0.0.0.0", "token": ""}, "token"),
        ({"host": "example.org"}, "RECURRA_TOKEN"),
        ({"token": "geheim-ü"}, "ASCII"),
        ({"durable": True, "forget": True}, "--forget"),
        ({"allow_origin": ("example.org",)}, "--allow-origin example.org"),
        ({"allow_origin": ("*",)}, "--allow-origin"),
        ({"allow_origin": ("https://example.org/",)}, "without a path"),
    ],
)
def test_options_that_are_unsafe_or_contradict_are_refused(options, word):
    with pytest.raises(ConfigError, match=word):
        ServeConfig(**options).check()


def test_local_addresses_need_no_token():
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        ServeConfig(host=host).check()
    ServeConfig(host="0.0.0.0", token="x").check()
    assert "a-secret" not in repr(ServeConfig(token="a-secret"))
