from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from recurra.cli._fit import fit_and_report
from recurra.cli._output import PLAIN, Output, Seed

# Eleven years of the sun's cycle are 132 months; so small a network learns them in well under a minute on two cores.
SETTINGS = {"target": "sunspots", "horizon": 24, "context": 264, "season": 132, "hidden_size": 64, "epochs": 20}


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
