"""The server as a process of its own, without torch, under what the world does to servers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect as connect_now

from serve.running_mean import write_mean

PROGRAM = Path(__file__).with_name("running_mean.py")


class Process:
    """A running server."""

    def __init__(self, arguments: list[str], **options: Any) -> None:
        command = [sys.executable, "-W", "error", str(PROGRAM), *arguments]
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, text=True, **options)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.address, self.stop()
        self.port = int(self.address.rpartition(":")[2])

    def call(self, path: str, body: Any = None, *, method: str | None = None) -> tuple[int, Any]:
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.address + path, content, headers, method=method)
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.suppress(urllib.error.HTTPError))
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, json.load(response)
        return self.refused(request)

    def refused(self, request: urllib.request.Request) -> tuple[int, Any]:
        with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(request, timeout=20):
            pass
        with refused.value as error:
            return error.code, json.load(error)

    def open(self) -> str:
        status, document = self.call("/models/mean/sessions", {})
        assert status == 201, document
        return document["session"]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Its exit code and what it said on stderr."""
        self.process.send_signal(how)
        code = self.process.wait(20)
        self.errors.seek(0)
        return code, self.errors.read()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()


@pytest.fixture
def start(bundle: Path, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    running: list[Process] = []

    def begin(*flags: str, port: int = 0, **options: Any) -> Process:
        running.append(Process([str(bundle), str(port), str(tmp_path / "sessions.sqlite"), *flags], **options))
        return running[-1]

    yield begin
    for server in running:
        server.close()


@pytest.mark.slow
def test_it_serves_without_torch_and_goes_down_in_good_order(start):
    server = start()
    session = server.open()
    with connect_now(f"ws{server.address[4:]}/sessions/{session}/ws") as ws:
        ws.send("3")
        assert json.loads(ws.recv()) == {"step": 1, "answer": {"mean": 3.0}}
        events = urllib.request.urlopen(f"{server.address}/sessions/{session}/events", timeout=10)
        server.process.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            ws.recv(timeout=10)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
        with events:
            assert b"event: end" in events.read()
    assert server.process.wait(15) == 0
    again = start()
    assert again.call(f"/sessions/{session}") == (200, {**again.call(f"/sessions/{session}")[1], "steps": 1})
    assert again.stop(signal.SIGINT)[0] == 0


@pytest.mark.slow
def test_sockets_that_are_refused_are_no_errors_of_ours(start):
    server = start()
    for path, origin, status in (("nobody", None, 404), (server.open(), "https://else.where", 403)):
        for _ in range(20):
            with (
                pytest.raises(InvalidStatus) as refused,
                connect_now(
                    f"ws{server.address[4:]}/sessions/{path}/ws",
                    additional_headers={"Origin": origin} if origin else None,
                ),
            ):
                pass
            assert refused.value.response.status_code == status
            assert json.loads(refused.value.response.body)["code"] in ("session", "origin")
    assert server.stop() == (0, "")


@pytest.mark.slow
def test_a_bundle_is_loaded_again_while_sessions_go_on(start, bundle):
    server = start()
    old = server.open()
    assert server.call("/models/mean/reload", {})[1]["changed"] is False
    write_mean(bundle, scale=10.0, overwrite=True)
    server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 10
    while server.call(f"/sessions/{server.open()}/push", {"x": 1})[1]["answer"] == {"mean": 1.0}:
        assert time.monotonic() < deadline
    assert server.call(f"/sessions/{old}/push", {"x": 1})[1]["answer"] == {"mean": 1.0}
    (bundle / "weights.safetensors").write_bytes(b"damaged")
    status, document = server.call("/models/mean/reload", {})
    assert status == 503 and "damaged" in document["error"]
    assert server.call(f"/sessions/{server.open()}/push", {"x": 1})[1]["answer"] == {"mean": 10.0}


async def load(server: Process, sessions: list[str], acknowledged: dict[str, int], seconds: float) -> None:
    """Push to all sessions until the server is killed; note what it acknowledged."""

    async def push(session: str) -> None:
        with contextlib.suppress(ConnectionClosed, OSError):
            async with connect(f"ws{server.address[4:]}/sessions/{session}/ws", compression=None) as ws:
                await push_on(ws, session)

    async def push_on(ws: ClientConnection, session: str) -> None:
        step = server.call(f"/sessions/{session}")[1]["steps"]
        while True:
            step += 1
            await ws.send(str(step))
            answer = json.loads(await ws.recv())
            assert answer == {"step": step, "answer": {"mean": (step + 1) / 2}}
            acknowledged[session] = step

    pushing = [asyncio.create_task(push(session)) for session in sessions]
    await asyncio.sleep(seconds)
    server.process.kill()
    await asyncio.gather(*pushing)


@pytest.mark.slow
def test_twenty_kills_under_load_lose_nothing_acknowledged(start):
    acknowledged: dict[str, int] = {}
    sessions: list[str] = []
    for _ in range(20):
        server = start("--durable")
        sessions = sessions or [server.open() for _ in range(8)]
        for session in sessions:
            steps = server.call(f"/sessions/{session}")[1]["steps"]
            # The last push may be on disk though its answer never left.
            assert acknowledged.get(session, 0) <= steps <= acknowledged.get(session, 0) + 1
            acknowledged[session] = steps
        asyncio.run(load(server, sessions, acknowledged, random.uniform(0.1, 0.6)))
        server.process.wait()
    assert min(acknowledged.values()) > 100


@pytest.mark.slow
def test_ten_thousand_malformed_requests(start):
    server = start()
    session = server.open()
    chance = random.Random(7)
    heads = [
        "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        f"POST /sessions/{session}/push HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        'Content-Length: 7\r\n\r\n{"x":1}',
        f"GET /sessions/{session}/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n\x81\x01\x31",
        "POST /models/mean/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n[[\r\n",
    ]
    statuses: dict[bytes, int] = {}
    for _ in range(10_000):
        content = bytearray(chance.choice(heads).encode("latin-1"))
        for _ in range(chance.randrange(1, 6)):
            place = chance.randrange(len(content))
            content[place : place + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(content[: chance.choice((None, len(content) // 2))])
            client.shutdown(socket.SHUT_WR)
            if chance.random() < 0.1:
                with contextlib.suppress(ConnectionResetError):
                    status = client.recv(12)[9:]
                    statuses[status] = statuses.get(status, 0) + 1
    assert not any(status.startswith(b"5") for status in statuses), statuses
    assert {b"400", b"403"} <= statuses.keys()
    assert server.call("/health")[0] == 200
    assert server.call(f"/sessions/{session}/push", {"x": 1})[0] == 200
    code, errors = server.stop()
    assert code == 0 and "Traceback" not in errors, errors[-3000:]


@pytest.mark.slow
def test_a_client_that_sends_one_byte_a_second(start):
    server = start("--impatient")
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
    head = b"POST /models/mean/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
    for place, client in enumerate(slow):
        client.sendall(head if place % 2 else b"GET /")
    for _ in range(3):
        time.sleep(1)
        start_ = time.monotonic()
        assert server.call("/health")[0] == 200
        assert time.monotonic() - start_ < 0.5
        for client in slow:
            with contextlib.suppress(OSError):
                client.send(b"x")
    for client in slow:
        client.settimeout(5)
        answer = client.recv(4096)
        assert answer.startswith(b"HTTP/1.1 408") and b'"code":"slow"' in answer
        client.close()
    assert server.stop()[0] == 0


@pytest.mark.slow
def test_a_disk_that_is_full(start):
    limit = 300_000

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    server = start("--durable", preexec_fn=little_room)
    session = server.open()
    pushes = [server.call(f"/sessions/{session}/push", {"x": 1})]
    while pushes[-1][0] == 200:
        pushes.append(server.call(f"/sessions/{session}/push", {"x": 1}))
    status, document = pushes[-1]
    assert status == 507 and "room on disk" in document["error"]
    assert server.call(f"/sessions/{session}")[1]["steps"] == len(pushes) - 1
    assert server.call("/health")[0] == 200
    assert server.call("/ready")[0] == 503
    server.process.kill()
    server.process.wait()
    assert start("--durable").call(f"/sessions/{session}")[1]["steps"] == len(pushes) - 1


def test_a_port_in_use_and_a_path_that_is_no_bundle(bundle, tmp_path):
    from recurra.errors import BundleError, ConfigError
    from recurra.serve import ServeConfig, Server

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port}.*--port"):
            Server([bundle], ServeConfig(port=port, forget=True))
    with pytest.raises(ConfigError, match="invalid:8000"):
        Server([bundle], ServeConfig(host="no.where.invalid", token="t", forget=True))
    with pytest.raises(BundleError, match="isn't a recurra bundle"):
        Server([tmp_path], ServeConfig(port=0, forget=True))
