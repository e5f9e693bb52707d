from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from recurra.bundle._manifest import MANIFEST, Manifest, damaged, digest, parse_manifest
from recurra.bundle._quantised import dequantise, widen
from recurra.bundle._write import WEIGHTS
from recurra.errors import BundleError


@dataclass(frozen=True, eq=False)
class Bundle:
    """A saved model as it was read at one moment: later changes to the folder don't reach it."""

    path: Path
    manifest: Manifest
    files: Mapping[str, bytes] = field(repr=False)

    def weights(self) -> dict[str, np.ndarray]:
        """The network's parameters by name, as float32 even where they are stored as int8."""
        if self.manifest.compression is None:
            return self.arrays(WEIGHTS)
        try:
            return dequantise(self.arrays(WEIGHTS))
        except (KeyError, IndexError, ValueError) as error:
            raise BundleError(
                f"{self.path / WEIGHTS} has int8 weights without scales. Compress the model again."
            ) from error

    def quantised(self) -> dict[str, np.ndarray]:
        """The same as int8 matrices, with float32 scales of their rows by name + ".scale", where they are stored so."""
        return widen(self.arrays(WEIGHTS))

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of one safetensors file."""
        try:
            return load(self.read(name))
        except SafetensorError as error:
            raise damaged(self.path / name) from error

    def document(self, name: str) -> Any:
        """One JSON file, parsed."""
        try:
            return json.loads(self.read(name))
        except ValueError as error:
            raise damaged(self.path / name) from error

    def read(self, name: str) -> bytes:
        """One file as it is."""
        if name not in self.files:
            raise BundleError(f"{self.path} holds no {name}, only {', '.join(sorted(self.files))}.")
        return self.files[name]


def open_bundle(path: str | Path) -> Bundle:
    """Read a saved model and check every byte of it; nothing from the folder is executed.

    BundleError when it doesn't exist, isn't a bundle, is newer than this program, or differs in any byte, missing file
    or additional file from what was saved.
    """
    folder = Path(path)
    if not folder.exists():
        raise BundleError(f"{folder}: no such bundle. Give the folder that `recurra fit ... --out` wrote.")
    if not folder.is_dir() or not (folder / MANIFEST).exists():
        raise BundleError(f"{folder} isn't a recurra bundle: it holds no {MANIFEST}. Give a folder from `recurra fit`.")
    manifest = parse_manifest(_read_plain(folder / MANIFEST), path=folder / MANIFEST)
    present = {entry.name for entry in folder.iterdir()} - {MANIFEST}
    if missing := sorted(manifest.files.keys() - present):
        raise BundleError(f"{folder / missing[0]} is missing. Restore {folder} from a copy, or fit the model again.")
    if strangers := sorted(present - manifest.files.keys()):
        raise BundleError(f"{folder / strangers[0]} isn't part of the bundle. Move it out of {folder} and try again.")
    files = {name: _read_plain(folder / name) for name in manifest.files}
    for name, content in files.items():
        if digest(content) != manifest.files[name]:
            raise damaged(folder / name)
    return Bundle(path=folder, manifest=manifest, files=MappingProxyType(files))


def _read_plain(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise BundleError(f"{path} isn't a plain file, so it isn't what was saved. Fit the model again.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} can't be read: {error.strerror or error}.") from error
