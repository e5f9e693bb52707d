from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

_GROUP = Group("Output", sort_key=100)

Quiet = Annotated[bool, Parameter(help="Print results and errors only: no progress.", group=_GROUP)]
ConfigFile = Annotated[
    Path | None,
    Parameter(help="TOML file with options. Default: recurra.toml in this folder, if there is one.", group=_GROUP),
]


@dataclass(frozen=True)
class OutputOptions:
    """What every command understands."""

    json: Annotated[bool, Parameter(help="Print one JSON object on stdout and nothing else.", group=_GROUP)] = False
    quiet: Quiet = False
    config: ConfigFile = None

    @property
    def progress(self) -> Literal["auto", "none"]:
        """How training reports on itself, always on stderr."""
        return "none" if self.quiet else "auto"


Output = Annotated[OutputOptions, Parameter(name="*")]
PLAIN = OutputOptions()
Seed = Annotated[int | None, Parameter(help="Two runs with one seed give the same numbers.", group=_GROUP)]


class Screen:
    """Where a command says things: for people as text and tables, or for programs as one JSON object."""

    def __init__(self, options: OutputOptions) -> None:
        self._options = options
        width = None if sys.stdout.isatty() else 110
        self._console = Console(file=sys.stdout, width=width, highlight=False)

    def say(self, text: str, *, style: str = "") -> None:
        """One line for people, never broken, so that paths can be copied."""
        if not self._options.json:
            self._console.print(Text(text, style=style), soft_wrap=True)

    def remark(self, text: str) -> None:
        """A line that --quiet leaves out."""
        if not self._options.quiet:
            self.say(text)

    def table(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
        """A table for people; every column but the first and the widest text is narrow."""
        if self._options.json:
            return
        table = Table(
            title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 3, 0, 0)
        )
        for column in columns:
            table.add_column(column, header_style="dim", overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
        self._console.print(table)
        # Seen at once even through a pipe: what follows may take minutes.
        sys.stdout.flush()

    def document(self, document: Mapping[str, Any]) -> None:
        """The JSON object, when it was asked for."""
        if self._options.json:
            sys.stdout.write(json.dumps(document, ensure_ascii=False, default=str) + "\n")
