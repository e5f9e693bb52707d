from __future__ import annotations

import datetime
import os
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from cyclopts import App, Argument, ArgumentCollection, Token

from recurra.cli._suggestion import suggest
from recurra.errors import ConfigError

DEFAULT_FILE = "recurra.toml"
# These may stand at the top of the file and then hold for every command that has them.
GENERAL = ("json", "quiet", "seed")


class Settings:
    """Gives options their values from the environment and from a TOML file, where the command line didn't.

    Called by cyclopts with what was typed. An option has the variable `RECURRA_` + its name in capitals. The file has
    a table for each command, such as `[fit.forecast]`, with the options by name, `hidden_size` or `hidden-size`. It is
    what `--config` names, or `recurra.toml` in the current folder if there is one. Unknown keys are errors, since a
    misspelt option that does nothing costs a day.
    """

    def __init__(self, commands: Mapping[str, Any]) -> None:
        self._commands = commands

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        if not commands or commands[0] not in self._commands:
            return
        options = {_key(argument.name): argument for argument in arguments if argument.name.startswith("--")}
        for key, argument in options.items():
            variable = f"RECURRA_{key.upper()}"
            if not argument.has_tokens and (value := os.environ.get(variable)):
                argument.append(Token(keyword=variable, value=value, source="the environment"))
        given = options["config"].tokens if "config" in options else []
        path = Path(given[0].value) if given else Path(DEFAULT_FILE)
        if given or path.is_file():
            self._apply(path, commands, options)

    def _apply(self, path: Path, commands: tuple[str, ...], options: Mapping[str, Argument]) -> None:
        document = _read(path)
        general = {key: value for key, value in document.items() if key in GENERAL}
        _check_names(
            document.keys() - general.keys(),
            self._commands,
            f"{path}: options stand under their command, such as [fit.forecast]; no command is called",
        )
        where = ".".join(commands)
        table = {_key(key): value for key, value in self._table(document, commands, path).items()}
        _check_names(table, options.keys() - {"config"}, f"{path}: [{where}] has no option")
        for key, value in {**general, **table}.items():
            if key in options and not options[key].has_tokens:
                _set(options[key], value, keyword=f"{key} in [{where}]" if key in table else key, path=path)

    def _table(self, document: Mapping[str, Any], commands: tuple[str, ...], path: Path) -> Mapping[str, Any]:
        known, table = self._commands, document
        for depth, command in enumerate(commands):
            if depth:
                _check_names(table, known, f"{path}: [{commands[0]}] has no command")
            table, known = table.get(command, {}), known[command]
            if not isinstance(table, dict):
                raise ConfigError(
                    f"{path}: {'.'.join(commands[: depth + 1])} is {table!r}, but a command is a table. "
                    f"Write [{'.'.join(commands)}] on a line of its own and the options below it."
                )
        return table


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}. Give --config a TOML file, or leave it out.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} isn't valid TOML: {error}. Mend that place and try again.") from error


def _check_names(given: Collection[str], known: Collection[str], complaint: str) -> None:
    for name in sorted(given):
        if name not in known:
            raise ConfigError(f"{complaint} {name!r}. {suggest(name, known)}")


def _set(argument: Argument, value: Any, *, keyword: str, path: Path) -> None:
    if isinstance(value, dict):
        raise ConfigError(f"{path}: {keyword} is a table, but this option takes a value.")
    for index, item in enumerate(value if isinstance(value, list) else [value]):
        argument.append(Token(keyword=keyword, value=_typed(item), source=str(path), index=index))


def _typed(value: Any) -> str:
    """A TOML value as somebody would type it after a flag."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def _key(name: str) -> str:
    return name.removeprefix("--").replace("-", "_")
