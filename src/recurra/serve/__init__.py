"""Models over HTTP: pushes, sessions, WebSockets, events; without torch."""

from typing import TYPE_CHECKING

from recurra._lazy import lazy

if TYPE_CHECKING:
    from recurra.serve._app import create_app
    from recurra.serve._config import ServeConfig
    from recurra.serve._server import Server

__all__ = ["ServeConfig", "Server", "create_app"]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "ServeConfig": "recurra.serve._config",
        "Server": "recurra.serve._server",
        "create_app": "recurra.serve._app",
    },
)
