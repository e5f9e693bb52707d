from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from recurra.bundle import check_destination
from recurra.cli._output import PLAIN, Output, Screen, Seed
from recurra.cli._suggestion import suggest
from recurra.errors import ConfigError


def reproduce(
    name: Annotated[str | None, Parameter(help="A name that --list prints.")] = None,
    /,
    *,
    data: Annotated[Path | None, Parameter(help="Folder with the experiment's data.")] = None,
    list_names: Annotated[bool, Parameter(name="--list", help="Name the experiments.", negative=())] = False,
    out: Annotated[Path | None, Parameter(help="Folder to save the model in. Default: it isn't kept.")] = None,
    overwrite: Annotated[bool, Parameter(help="Replace the model that --out holds.", negative=())] = False,
    seed: Seed = None,
    output: Output = PLAIN,
) -> None:
    """Repeat a published experiment."""
    from recurra.recipes import RECIPES

    screen = Screen(output)
    if list_names:
        screen.table("", ("name", "what it repeats"), [(name, recipe.summary) for name, recipe in RECIPES.items()])
        screen.document({"recipes": [{"name": name, "summary": recipe.summary} for name, recipe in RECIPES.items()]})
        return
    if name is None:
        raise ConfigError(f"Which experiment? Give its name: {', '.join(RECIPES)}.")
    if name not in RECIPES:
        raise ConfigError(f"There is no experiment {name!r}. {suggest(name, RECIPES)}")
    if data is None or not data.is_dir():
        given = "no --data" if data is None else f"--data {data}, which is no folder"
        raise ConfigError(f"{name} was given {given}. Give the folder that holds the experiment's data.")
    if out is not None:
        check_destination(out, overwrite=overwrite)
    result = RECIPES[name].run(data, seed=seed or 0, progress=output.progress)
    if out is not None:
        result.model.save(out, overwrite=overwrite)
    rows = [
        (figure.name, f"{figure.ours:.4g}", "" if figure.published is None else f"{figure.published:.4g}")
        for figure in result.figures
    ]
    screen.table(name, ("", "here", "published"), rows)
    screen.say(result.sentence, style="bold")
    if out is not None:
        screen.say(f"Model   {out}")
    screen.document(
        {
            "name": name,
            "figures": [asdict(figure) for figure in result.figures],
            "sentence": result.sentence,
            "bundle": None if out is None else str(out),
        }
    )
