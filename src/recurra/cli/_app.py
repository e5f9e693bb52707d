from __future__ import annotations

from typing import NamedTuple

from cyclopts import App, Parameter

import recurra
from recurra.cli._settings import Settings


class Command(NamedTuple):
    """One command: where its function is, what it does, and an example that `--help` shows."""

    path: str
    summary: str
    example: str


# Nothing named here is imported before it is called: `recurra --help` reads this table and no more.
COMMANDS: dict[str, Command | dict[str, Command]] = {
    "fit": {
        "classify": Command(
            "recurra.cli._fit_classify:classify",
            "Fit a classifier to labelled texts, or to labelled series of numbers.",
            "recurra fit classify reviews.csv --text review --label stars --out reviews-model",
        ),
        "forecast": Command(
            "recurra.cli._fit_forecast:forecast",
            "Fit a forecaster to a table of numbers over time.",
            "recurra fit forecast sales.csv --target units --time date --horizon 28 --out sales-model",
        ),
        "generate": Command(
            "recurra.cli._fit_generate:generate",
            "Fit a language model to plain text: it predicts what comes next, and writes on.",
            "recurra fit generate shakespeare.txt --out shakespeare",
        ),
        "tag": Command(
            "recurra.cli._fit_tag:tag",
            "Fit a tagger of words: parts of speech, entities and the like.",
            "recurra fit tag train.conllu --validation dev.conllu --test test.conllu --out tagger",
        ),
    },
    "evaluate": Command(
        "recurra.cli._evaluate:evaluate",
        "Score a saved model on a table, beside the obvious baselines.",
        "recurra evaluate sales-model sales-of-this-year.csv",
    ),
    "predict": Command(
        "recurra.cli._predict:predict",
        "Forecast a table, label or tag texts, or go on writing.",
        "recurra predict sales-model sales.csv --out forecast.csv",
    ),
    "stream": Command(
        "recurra.cli._stream:stream",
        "Answer each row on stdin as it comes, in constant memory.",
        "recurra stream sales-model --history sales.csv --state sales.state",
    ),
    "export": Command(
        "recurra.cli._export:export",
        "Write a saved model's network for another runtime: ONNX, or plain torch.",
        "recurra export sales-model --to onnx --out sales.onnx",
    ),
    "compress": Command(
        "recurra.cli._compress:compress",
        "Save a model again in a quarter of the room, and say what that costs.",
        "recurra compress sales-model sales.csv --int8 --out sales-small",
    ),
    "serve": Command(
        "recurra.cli._serve:serve",
        "Answer pushes over HTTP and WebSockets, with a page to look at.",
        "recurra serve sales-model --port 8000 --durable",
    ),
    "reproduce": Command(
        "recurra.cli._reproduce:reproduce",
        "Repeat a published experiment and compare with the published figures.",
        "recurra reproduce etth1-96 --data datasets",
    ),
    "bench": Command(
        "recurra.cli._bench:bench",
        "Measure recurra beside torch and other runtimes on this machine.",
        "recurra bench --quick",
    ),
    "doctor": Command(
        "recurra.cli._doctor:doctor",
        "Say what recurra finds on this machine, and what stands in its way.",
        "recurra doctor",
    ),
    "demo": Command(
        "recurra.cli._demo:demo",
        "Fit a forecaster to 235 years of sunspots, in under a minute.",
        "recurra demo",
    ),
    "data": {
        "list": Command(
            "recurra.cli._data:list_series",
            "Name the series that recurra carries.",
            "recurra data list",
        ),
        "get": Command(
            "recurra.cli._data:get_series",
            "Write a series that recurra carries to a file.",
            "recurra data get sunspots --out sunspots.csv",
        ),
    },
}
GROUPS = {
    "fit": "Train a model on your data and save it as a bundle.",
    "data": "The small real series that recurra carries.",
}

_HELP = """Recurrent sequence models: exact, fast on the machine you have, and live.

What a flag sets, a variable such as RECURRA_SEED or a line of recurra.toml
sets too; the flag wins over the variable, the variable over the file.

Example: recurra demo"""


def build_app() -> App:
    """The whole command line, with every command still unimported."""
    app = App(
        name="recurra",
        help=_HELP,
        help_format="plaintext",
        version=lambda: recurra.__version__,  # asking for it reads the installed metadata, which takes a while
        config=Settings(COMMANDS),
        default_parameter=Parameter(negative_iterable=(), negative_none=(), show_default=_shown_default),
    )
    for place, (verb, entry) in enumerate(COMMANDS.items()):
        if isinstance(entry, Command):
            _register(app, verb, entry, place)
            continue
        example = next(iter(entry.values())).example
        group = App(name=verb, help=f"{GROUPS[verb]}\n\nExample: {example}", sort_key=place)
        app.command(group)
        for inner, (name, command) in enumerate(entry.items()):
            _register(group, name, command, inner)
    return app


def _register(app: App, name: str, command: Command, place: int) -> None:
    app.command(command.path, name=name, help=f"{command.summary}\n\nExample: {command.example}", sort_key=place)


def _shown_default(default: object) -> str | None:
    """A default as it would be typed; nothing where leaving the flag out says enough."""
    if default is None or default is False or default == ():
        return None
    return ",".join(str(item) for item in default) if isinstance(default, tuple) else str(default)
