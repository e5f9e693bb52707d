from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from recurra.cli._output import PLAIN, Output, Screen
from recurra.export._formats import Format


def export(
    bundle: Annotated[Path, Parameter(help="Folder that `recurra fit` wrote.")],
    /,
    *,
    to: Annotated[Format, Parameter(help="An ONNX file, or a folder with plain torch source and weights.")],
    out: Annotated[
        Path | None,
        Parameter(help="File (onnx) or folder (torch) to write. Default: NAME.onnx or NAME-torch here, for NAME."),
    ] = None,
    outputs: Annotated[
        str | None, Parameter(help="Branches of the network to give, such as level,spread. Default: the last.")
    ] = None,
    overwrite: Annotated[bool, Parameter(help="Replace what --out names.", negative=())] = False,
    output: Output = PLAIN,
) -> None:
    """Export a network."""
    from recurra.export import export as write

    screen = Screen(output)
    name = bundle.resolve().name
    out = out or Path(f"{name}.onnx" if to == "onnx" else f"{name}-torch")
    wanted = tuple(part.strip() for part in outputs.split(",")) if outputs else ()
    exported = write(bundle, out, to=to, outputs=wanted, overwrite=overwrite)
    for runtime, difference in exported.differences.items():
        screen.say(f"Checked  {runtime}: within {difference:.1e} of recurra, as a share of the largest output")
    for path in exported.files:
        screen.say(f"Wrote    {path}")
    screen.document(
        {
            "bundle": str(bundle),
            "to": to,
            "files": [str(path) for path in exported.files],
            "differences": dict(exported.differences),
        }
    )
