"""Names that are imported when they are first asked for, so that asking for a flag's help doesn't load torch."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from recurra.errors import MissingExtraError

__all__ = ["lazy"]


def lazy(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` (PEP 562) of a package, from the module that each public name lives in.

    A name whose home is `package.name` is that module itself. Once found, a name stays in the package, so the detour is
    taken once. What needs a library that isn't installed says how to install it. The package also writes the same
    imports under `TYPE_CHECKING`, and a literal `__all__`, for those who read without running.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        try:
            module = importlib.import_module(homes[name])
        except ModuleNotFoundError as error:
            if error.name is None or error.name.split(".")[0] == "recurra":
                raise
            raise MissingExtraError(
                f"{package}.{name} needs {error.name}, which isn't installed. Run: pip install 'recurra[train]'"
            ) from error
        found = module if homes[name] == f"{package}.{name}" else getattr(module, name)
        setattr(sys.modules[package], name, found)
        return found

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return find, listed
