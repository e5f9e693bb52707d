from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from fastapi.testclient import TestClient

from recurra.serve import ServeConfig, Server, create_app
from serve.running_mean import RunningMean, write_mean


class Site(TestClient):
    """A server in this process, and the ways that tests walk on it."""

    @property
    def service(self) -> Any:
        return self.app.state.service  # type: ignore[attr-defined]

    def open(self, model: str = "mean", **body: Any) -> str:
        response = self.post(f"/models/{model}/sessions", json=body)
        assert response.status_code == 201, response.text
        return response.json()["session"]

    def push(self, session: str, x: Any) -> dict[str, Any]:
        response = self.post(f"/sessions/{session}/push", json={"x": x})
        assert response.status_code == 200, response.text
        return response.json()

    def socket(self, path: str, **request: Any) -> Any:
        return self.websocket_connect(f"ws://127.0.0.1:8000{path}", **request)

    def refused(self, status: int, code: str, method: str, path: str, **request: Any) -> str:
        """The sentence with which this is refused."""
        response = self.request(method, path, **request)
        assert response.headers["content-type"] == "application/json", response.text
        assert (response.status_code, response.json()["code"]) == (status, code), response.text
        return response.json()["error"]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_mean(tmp_path / "mean")


@pytest.fixture
def serve(bundle: Path, tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Starts servers; `close` one by `with`, or the test's end does."""
    with ExitStack() as running:

        def start(*bundles: Path, enter: bool = True, load: Any = RunningMean, **options: Any) -> Site:
            config = ServeConfig(**{"sessions": tmp_path / "sessions.sqlite", **options})
            site = Site(create_app(bundles or [bundle], config, load=load), base_url="http://127.0.0.1:8000")
            return running.enter_context(site) if enter else site

        yield start


@pytest.fixture
def live(bundle: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers on ports, each in a thread, until the test's end."""
    running: list[tuple[Server, Thread]] = []

    def start(*bundles: Path, load: Any = RunningMean, **options: Any) -> Server:
        server = Server(bundles or [bundle], ServeConfig(port=0, **options), load=load)
        thread = Thread(target=server.run)
        thread.start()
        running.append((server, thread))
        while not server.started:
            time.sleep(0.01)
        return server

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join()


@pytest.fixture
def site(serve: Callable[..., Site]) -> Site:
    return serve(forget=True)
