from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path


def invocation(*arguments: str) -> str:
    """A command of ours as it works from where the user stands: `recurra ...`, or by its path where PATH lacks it."""
    return f"{_program()} {shlex.join(arguments)}"


def _program() -> str:
    found = shutil.which("recurra")
    own = Path(sys.executable).with_name("recurra")
    if found is not None and (not own.exists() or Path(found).resolve() == own.resolve()):
        return "recurra"
    if own.exists():
        return shlex.quote(_from_here(own))
    return f"{shlex.quote(_from_here(Path(sys.executable)))} -m recurra.cli"


def _from_here(path: Path) -> str:
    here = Path.cwd()
    if path.parent == here:
        return f"./{path.name}"
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
