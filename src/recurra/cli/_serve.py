from __future__ import annotations

import json
import logging
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from recurra.cli._output import PLAIN, Output, Screen
from recurra.errors import require
from recurra.serve._config import ServeConfig

if TYPE_CHECKING:
    from recurra.serve import Server


def serve(
    bundles: Annotated[tuple[Path, ...], Parameter(help="Folders that `recurra fit` wrote, one or several.")],
    /,
    *,
    settings: Annotated[ServeConfig | None, Parameter(name="*", negative_bool=())] = None,
    output: Output = PLAIN,
) -> None:
    """Serve bundles until told to stop."""
    for module in ("fastapi", "uvicorn", "httptools", "websockets"):
        require(module, extra="serve")
    from recurra.serve import Server

    level = logging.WARNING if output.quiet else logging.INFO
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("recurra.serve").setLevel(level)
    config = settings or ServeConfig()
    server = Server(bundles, config)
    _introduce(Screen(output), server, config)
    sys.stdout.flush()
    server.run()


def _introduce(screen: Screen, server: Server, config: ServeConfig) -> None:
    """Say where it listens, what it serves, and how to push."""
    models = server.service.shelf.current
    screen.document(
        {
            "address": server.address,
            "models": {name: served.model.task for name, served in models.items()},
            "sessions": None if config.forget else str(config.sessions),
            "durable": config.durable,
        }
    )
    if config.forget:
        kept = "in memory only"
    elif config.durable:
        kept = f"in {config.sessions}, every push before it is answered"
    else:
        kept = f"in {config.sessions}, every {config.snapshot_every:g} seconds; --durable keeps every push"
    screen.say(f"Address   {server.address}")
    for name, served in models.items():
        screen.say(f"Model     {name} ({served.model.task})")
    screen.say(f"Sessions  {kept}")
    name, served = next(iter(models.items()))
    token = ' -H "Authorization: Bearer $RECURRA_TOKEN"' if config.token else ""
    push = shlex.quote(json.dumps({"x": served.spec.example}, ensure_ascii=False))
    screen.say("")
    screen.say("Open a session, then push to it by the name that comes back:")
    screen.say(f"  curl{token} --json '{{}}' {server.address}/models/{name}/sessions")
    screen.say(f"  curl{token} --json {push} {server.address}/sessions/SESSION/push")
    screen.say("")
