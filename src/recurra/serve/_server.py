from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from recurra.errors import ConfigError
from recurra.runtime import Model
from recurra.runtime import load as load_bundle
from recurra.serve._app import create_app
from recurra.serve._config import ServeConfig
from recurra.serve._protocol import Protocol, SocketProtocol
from recurra.serve._service import Service

_GRACE = 10  # seconds that requests have to end when the server goes down


class Server(uvicorn.Server):
    """The app on a port. It goes down in good order, and reads its bundles again at SIGHUP."""

    def __init__(
        self, bundles: Sequence[Path], config: ServeConfig, *, load: Callable[[Path], Model] = load_bundle
    ) -> None:
        """Take the port and load the bundles. ConfigError or BundleError where that can't be."""
        config.check()
        self._socket = _listen(config.host, config.port)
        host, port = self._socket.getsockname()[:2]
        if host in ("0.0.0.0", "::"):  # any address of this machine's, so others know it by its name
            host = socket.gethostname()
        self.address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"  # as a browser takes it
        try:
            app = create_app(bundles, config, load=load)
        except BaseException:
            self._socket.close()
            raise
        self.service: Service = app.state.service
        super().__init__(
            uvicorn.Config(
                app,
                http=Protocol,
                ws=SocketProtocol,
                ws_max_size=config.max_body,
                ws_per_message_deflate=False,  # memory for every connection, to make short messages hardly shorter
                proxy_headers=False,  # who is at the other end isn't for a header to say
                server_header=False,
                access_log=False,
                log_config=None,
                log_level="error",  # it warns of every request that isn't one
                timeout_graceful_shutdown=_GRACE,
            )
        )

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until told to stop."""
        super().run([self._socket] if sockets is None else sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and listen to SIGHUP."""
        if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGHUP, lambda: self._keep(loop.create_task(self.service.reload_all())))
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what would never end by itself, then let the rest finish."""
        self.service.hang_up()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Go down; a second Ctrl-C doesn't wait for anybody. Going down when asked is no failure."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self.server_state.tasks.add(task)
        task.add_done_callback(self.server_state.tasks.discard)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigError(
            f"Can't listen on {host}:{port}: {why}. Choose another with --port (0 takes any that is free) or --host."
        ) from error
    except OverflowError as error:
        raise ConfigError(f"Port {port} isn't between 0 and 65535.") from error
