from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from recurra.cli._files import check_new_file, write_file
from recurra.cli._output import PLAIN, Output, Screen


def list_series(*, output: Output = PLAIN) -> None:
    """Name the carried series."""
    from recurra.data import CARRIED

    screen = Screen(output)
    screen.table("", ("name", "what it is"), sorted(CARRIED.items()))
    screen.document({"series": [{"name": name, "description": text} for name, text in sorted(CARRIED.items())]})


def get_series(
    name: Annotated[str, Parameter(help="A name of `recurra data list`.")],
    /,
    *,
    out: Annotated[Path | None, Parameter(help="File to write. Default: its own name, in this folder.")] = None,
    overwrite: Annotated[bool, Parameter(help="Replace the file that is there.", negative=())] = False,
    output: Output = PLAIN,
) -> None:
    """Write a carried series to a file."""
    from recurra.data import carried_path

    source = carried_path(name)
    target = out or Path(source.name)
    check_new_file(target, overwrite=overwrite)
    write_file(target, source.read_bytes())
    screen = Screen(output)
    screen.say(str(target))
    screen.document({"name": name, "out": str(target)})
