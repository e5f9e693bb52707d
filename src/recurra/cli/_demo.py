from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from recurra.cli._fit import fit_and_report
from recurra.cli._output import PLAIN, Output, Seed

# The sun's cycle is about 132 months, and two of them are the context. Of the normalisations this one was the best on
# the rows before the test part, which nothing here was chosen by.
SETTINGS = {
    "target": "sunspots",
    "horizon": 24,
    "season": 132,
    "context": 264,
    "normalisation": "last-scaled",
}


def demo(
    *,
    out: Annotated[Path, Parameter(help="Folder to save the model in; a demo that is there is replaced.")] = Path(
        "demo"
    ),
    seed: Seed = None,
    output: Output = PLAIN,
) -> None:
    """Fit a forecaster to the carried sunspot series."""
    from recurra.data import carried_path

    fit_and_report(
        "Forecaster",
        str(carried_path("sunspots")),
        SETTINGS | {"seed": seed or 0},
        out=out,
        overwrite=out.exists(),
        resume=None,
        png=None,
        output=output,
    )
