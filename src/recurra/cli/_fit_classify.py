from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from recurra.cli._fit import fit_and_report
from recurra.cli._flags import group_flags
from recurra.cli._output import PLAIN, Output
from recurra.tasks.classify._config import ClassifyConfig, DocumentColumns
from recurra.train import TrainingConfig

if TYPE_CHECKING:
    Flags = ClassifyConfig
else:
    Flags = group_flags(
        ClassifyConfig, {DocumentColumns: "Columns", ClassifyConfig: "Model", TrainingConfig: "Training"}
    )

_FILES = Group("Files", sort_key=0)


def classify(
    data: Annotated[
        str,
        Parameter(
            help="Texts with labels: a table, JSON lines, lines that begin with their label, or a folder for each "
            "label; with --series, rows of numbers."
        ),
    ],
    /,
    *,
    out: Annotated[
        Path | None,
        Parameter(help="Folder to save the model in. Default: NAME-model here, for NAME.csv.", group=_FILES),
    ] = None,
    overwrite: Annotated[
        bool, Parameter(help="Replace the model that --out holds.", negative=(), group=_FILES)
    ] = False,
    resume: Annotated[bool, Parameter(help="Continue where a stopped run was.", negative=(), group=_FILES)] = False,
    png: Annotated[Path | None, Parameter(help="Folder for the report's plots as PNG.", group=_FILES)] = None,
    settings: Annotated[Flags | None, Parameter(name="*")] = None,
    output: Output = PLAIN,
) -> None:
    """Fit a classifier and save it."""
    given = {name: getattr(settings, name) for name in sorted(settings.model_fields_set)} if settings else {}
    out = out or Path(f"{Path(data).name.split('.')[0]}-model")
    fit_and_report(
        "Classifier",
        data,
        given,
        out=out,
        overwrite=overwrite,
        resume=resume,
        png=png,
        output=output,
        trial=None if given.get("series") else ("--text",),
    )
