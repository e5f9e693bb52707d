from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

import recurra
from recurra.cli._output import PLAIN, Output, Screen
from recurra.cli._scores import print_scores
from recurra.data._words import counted
from recurra.errors import ConfigError

_WRITERS = Group("Following a text (models of `fit generate`)", sort_key=50)


def evaluate(
    bundle: Annotated[Path, Parameter(help="Folder that `recurra fit` wrote.")],
    data: Annotated[str, Parameter(help="Data like those it was fitted on: a table, texts, or plain text.")],
    /,
    *,
    dynamic: Annotated[
        float | None,
        Parameter(
            help="Let it learn on while it reads, at this rate, such as 0.1 (dynamic evaluation).", group=_WRITERS
        ),
    ] = None,
    cache: Annotated[
        int | None,
        Parameter(help="Count too what followed like places among so many last pieces (neural cache).", group=_WRITERS),
    ] = None,
    output: Output = PLAIN,
) -> None:
    """Score a saved model."""
    screen = Screen(output)
    model: Any = recurra.load(bundle)
    options: dict[str, Any] = {
        name: value for name, value in (("dynamic", dynamic), ("cache", cache)) if value is not None
    }
    if options and not isinstance(model, recurra.Generator):
        raise ConfigError(f"--{next(iter(options))} is for models of fit generate; {bundle} is another. Leave it out.")
    scores = model.evaluate(data, **options)
    found = scores.model_dump(mode="json")
    what, count = next(iter(found["counts"].items())) if "counts" in found else ("windows", found["windows"])
    noun = what if what == "series" else what.removesuffix("s")
    print_scores(screen, scores, f"On {counted(count, noun)} of {data}")
    screen.document({"bundle": str(bundle), "data": data, "scores": found})
