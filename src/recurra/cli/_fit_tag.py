from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from recurra.cli._fit import fit_and_report
from recurra.cli._flags import group_flags
from recurra.cli._output import PLAIN, Output
from recurra.tasks.tag._config import TagConfig
from recurra.train import TrainingConfig

if TYPE_CHECKING:
    Flags = TagConfig
else:
    Flags = group_flags(TagConfig, {TagConfig: "Model", TrainingConfig: "Training"})

_FILES = Group("Files", sort_key=0)


def tag(
    data: Annotated[str, Parameter(help="Sentences: CoNLL-U, or a word and its tag on each line; gz and zip too.")],
    /,
    *,
    out: Annotated[
        Path | None,
        Parameter(help="Folder to save the model in. Default: NAME-model here, for NAME.conllu.", group=_FILES),
    ] = None,
    overwrite: Annotated[
        bool, Parameter(help="Replace the model that --out holds.", negative=(), group=_FILES)
    ] = False,
    resume: Annotated[bool, Parameter(help="Continue where a stopped run was.", negative=(), group=_FILES)] = False,
    png: Annotated[Path | None, Parameter(help="Folder for the report's plots as PNG.", group=_FILES)] = None,
    settings: Annotated[Flags | None, Parameter(name="*")] = None,
    output: Output = PLAIN,
) -> None:
    """Fit a tagger and save it."""
    given = {name: getattr(settings, name) for name in sorted(settings.model_fields_set)} if settings else {}
    out = out or Path(f"{Path(data).name.split('.')[0]}-model")
    fit_and_report(
        "Tagger",
        data,
        given,
        out=out,
        overwrite=overwrite,
        resume=resume,
        png=png,
        output=output,
        trial=("NEW-TEXT.txt", "--out", "tags.conllu"),
    )
