"""A file that pip installs, opened; and what pyproject.toml says of the project."""

from __future__ import annotations

import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


class Distribution(NamedTuple):
    """A file that pip installs, and the names of the files in it (without the sdist's first folder)."""

    path: Path
    names: frozenset[str]

    def text(self, name: str) -> str:
        """One text file out of it."""
        if self.path.suffix == ".whl":
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(name).decode()
        with tarfile.open(self.path) as archive:
            file = archive.extractfile(f"{self.path.name.removesuffix('.tar.gz')}/{name}")
            assert file is not None
            return file.read().decode()
