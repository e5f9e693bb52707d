from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from recurra.cli._files import check_new_file, write_file
from recurra.cli._output import PLAIN, Output, Screen


def list_series(*, output: Output = PLAIN) -> None:
    """Name the carried series."""
    from recurra.data import carried

    screen = Screen(output)
    screen.table("", ("name", "what it is"), [(series.name, series.description) for series in carried()])
    screen.remark("")
    screen.remark("Next: recurra data get NAME")
    screen.document({"series": [asdict(series) for series in carried()]})


def get_series(
    name: Annotated[str, Parameter(help="A name of `recurra data list`.")],
    /,
    *,
    out: Annotated[Path | None, Parameter(help="File to write. Default: its own name, in this folder.")] = None,
    overwrite: Annotated[bool, Parameter(help="Replace the file that is there.", negative=())] = False,
    output: Output = PLAIN,
) -> None:
    """Write a carried series to a file."""
    from recurra.data import carried, carried_path

    source = carried_path(name)
    target = out or Path(source.name)
    check_new_file(target, overwrite=overwrite)
    write_file(target, source.read_bytes())
    columns = next(series.target for series in carried() if series.name == name)
    screen = Screen(output)
    screen.say(f"Series  {target}")
    screen.remark("")
    screen.remark(f"Next: recurra fit forecast {target} --target {','.join(columns)} --out {name}-model")
    screen.document({"name": name, "out": str(target)})
