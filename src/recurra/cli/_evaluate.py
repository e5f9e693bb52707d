from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import recurra
from recurra.cli._output import PLAIN, Output, Screen
from recurra.cli._scores import print_scores


def evaluate(
    bundle: Annotated[Path, Parameter(help="Folder that `recurra fit` wrote.")],
    data: Annotated[str, Parameter(help="Table with the columns of the one it was fitted on.")],
    /,
    *,
    output: Output = PLAIN,
) -> None:
    """Score a saved model."""
    screen = Screen(output)
    model = recurra.load(bundle)
    scores = model.evaluate(data)
    print_scores(screen, scores)
    screen.document({"bundle": str(bundle), "data": data, "scores": scores.model_dump(mode="json")})
