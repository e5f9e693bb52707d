"""Names that are imported when they are first asked for, so that asking for a flag's help doesn't load torch."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["lazy"]


def lazy(package: str, names: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` (PEP 562) of a package whose `names` live in the modules given.

    A name is looked up in its module and kept in the package, so the detour is taken once; a name whose module is
    `package.name` is that module itself. The package also writes the same imports under `TYPE_CHECKING` for type
    checkers, and a literal `__all__`.
    """

    def find(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(names[name])
        found = module if names[name] == f"{package}.{name}" else getattr(module, name)
        setattr(sys.modules[package], name, found)
        return found

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *names})

    return find, listed
