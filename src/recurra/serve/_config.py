from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from recurra.errors import ConfigError

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class ServeConfig(BaseModel):
    """Where a server listens, whom it answers, what it keeps and how much it bears."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(
        default="127.0.0.1", description="Address to listen on. Any but this machine's own needs a token."
    )
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes any free one.")
    token: str | None = Field(
        default=None, repr=False, description="What clients must send as `Authorization: Bearer TOKEN`."
    )
    allow_origin: tuple[str, ...] = Field(
        default=(), description="Other sites whose pages may call this server, such as https://example.org."
    )
    sessions: Path = Field(
        default=Path("recurra-sessions.sqlite"),
        description="File that keeps sessions over a restart, made where it's missing.",
    )
    forget: bool = Field(default=False, description="Keep sessions in memory only.")
    durable: bool = Field(
        default=False,
        description="Answer a push once it is on disk. Otherwise a crash costs the pushes of the last seconds.",
    )
    snapshot_every: Seconds = Field(
        default=5.0, description="Seconds from one snapshot of changed sessions to the next."
    )
    max_sessions: Count = Field(default=10_000, description="Sessions open at once.")
    max_sessions_per_client: Count = Field(default=10_000, description="Sessions open at once that one address began.")
    idle_hours: Seconds = Field(default=24.0, description="Hours after which a session that nobody uses is closed.")
    rate: Count = Field(default=20_000, description="Requests and pushes a second that one address may make.")
    max_body: Annotated[int, Field(ge=1024)] = Field(default=1 << 20, description="Bytes that a request may have.")
    timeout: Seconds = Field(default=30.0, description="Seconds that a request may take.")

    @property
    def is_local(self) -> bool:
        """Whether only programs on this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def check(self) -> None:
        """ConfigError for options that contradict each other."""
        if self.token is not None and not self.token.isascii():
            raise ConfigError("--token holds letters that no header can carry. Use ASCII letters, digits and signs.")
        if not self.is_local and not self.token:
            raise ConfigError(
                f"--host {self.host} can be reached from other machines, so it needs a token. Pass --token or set "
                "RECURRA_TOKEN, for instance to what `openssl rand -hex 16` prints, or leave --host out."
            )
        if self.durable and self.forget:
            raise ConfigError("--durable keeps every push on disk, --forget nothing. Leave one of them out.")
        for origin in self.allow_origin:
            parts = urlsplit(origin)
            if (
                parts.scheme not in ("http", "https")
                or not parts.netloc
                or origin != f"{parts.scheme}://{parts.netloc}"
            ):
                raise ConfigError(
                    f"--allow-origin {origin}: not the origin of a site. Write scheme and host, such as "
                    "https://example.org, with a port where there is one and without a path."
                )
