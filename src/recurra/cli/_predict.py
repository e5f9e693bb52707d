from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from cyclopts import Group, Parameter

from recurra.bundle import open_bundle
from recurra.cli._output import PLAIN, Output, Seed
from recurra.errors import ConfigError

_WRITING = Group("Writing on (models of `fit generate`)", sort_key=50)


class _Task(NamedTuple):
    """Who predicts with the models of a task, and which flags it takes besides those that all take."""

    path: str
    flags: tuple[str, ...]


_FORECAST = _Task("recurra.cli._predict_forecast:predict_forecast", ("runtime", "all"))
_TASKS = {
    "classify": _Task("recurra.cli._predict_classify:predict_classify", ("text", "runtime")),
    "tag": _Task("recurra.cli._predict_tag:predict_tag", ("text", "runtime")),
    "generate": _Task(
        "recurra.cli._predict_generate:predict_generate",
        ("prompt", "length", "temperature", "top_k", "top_p", "stop"),
    ),
}


def predict(
    bundle: Annotated[Path, Parameter(help="Folder that `recurra fit` wrote.")],
    data: Annotated[
        str | None, Parameter(help="What to answer: a table that ends where the forecast begins, or a file of texts.")
    ] = None,
    /,
    *,
    out: Annotated[Path | None, Parameter(help="File to write: .csv, .parquet, .json. Default: on stdout.")] = None,
    overwrite: Annotated[bool, Parameter(help="Replace the file that --out names.", negative=())] = False,
    text: Annotated[tuple[str, ...], Parameter(help="A text to classify or tag, instead of a file; repeatable.")] = (),
    runtime: Annotated[
        bool, Parameter(help="Without torch; a table row by row, as JSON lines always are.", negative=())
    ] = False,
    every_step: Annotated[
        bool, Parameter(name="--all", help="As --runtime, with the answer after each row.", negative=())
    ] = False,
    prompt: Annotated[str | None, Parameter(help="Text to go on from.", group=_WRITING)] = None,
    length: Annotated[int | None, Parameter(help="Most pieces to write.", group=_WRITING)] = None,
    temperature: Annotated[
        float | None, Parameter(help="Below 1 more predictable, above 1 wilder; 0 takes the likeliest.", group=_WRITING)
    ] = None,
    top_k: Annotated[int | None, Parameter(help="Draw from so many likeliest pieces.", group=_WRITING)] = None,
    top_p: Annotated[float | None, Parameter(help="Draw from the likeliest with this share.", group=_WRITING)] = None,
    stop: Annotated[tuple[str, ...], Parameter(help="End where this was written; repeatable.", group=_WRITING)] = (),
    seed: Seed = None,
    output: Output = PLAIN,
) -> None:
    """Forecast a table, label or tag texts, or go on writing: whatever the model was fitted for."""
    given = {
        "text": text,
        "runtime": runtime,
        "all": every_step,
        "prompt": prompt,
        "length": length,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "stop": stop,
    }
    name = open_bundle(bundle).manifest.task
    task = _TASKS.get(name, _FORECAST)
    own = {flag: value for flag, value in given.items() if value is not None and value is not False and value != ()}
    for flag in own:
        if flag not in task.flags:
            raise ConfigError(f"{_dashed(flag)} is {_whose(flag)}; {bundle} is a model for {name}. Leave it out.")
    if "all" in own:
        own["every_step"] = own.pop("all")
    module, _, function = task.path.partition(":")
    answer: Any = getattr(importlib.import_module(module), function)
    answer(bundle=bundle, data=data, out=out, overwrite=overwrite, seed=seed, output=output, **own)


def _dashed(flag: str) -> str:
    return f"--{flag.replace('_', '-')}"


def _whose(flag: str) -> str:
    """For which models a flag is."""
    names = [name for name, task in {"forecast": _FORECAST, **_TASKS}.items() if flag in task.flags]
    return f"for models of fit {' and '.join(names)}"
