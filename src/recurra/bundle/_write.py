from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save

from recurra.bundle._folder import check_destination, write_folder
from recurra.bundle._manifest import FORMAT, MANIFEST, Manifest, check_file_name, digest, render_manifest

if TYPE_CHECKING:
    from recurra.bundle._bundle import Bundle

WEIGHTS = "weights.safetensors"


def write_bundle(
    path: str | Path,
    *,
    task: str,
    config: Mapping[str, Any],
    network: Mapping[str, Any],
    inputs: Mapping[str, Any],
    data_digest: str,
    weights: Mapping[str, np.ndarray],
    documents: Mapping[str, str | bytes],
    arrays: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    overwrite: bool = False,
) -> Manifest:
    """Save a trained model as a folder: wholly or not at all.

    `documents` are further files by name, text as UTF-8 (`preprocessing.json`, `scores.json`, `report.html`); `arrays`
    are further safetensors files by name (`calibration.safetensors`). What goes into the manifest is plain JSON data.
    A path that exists is refused unless `overwrite`, and then only a bundle is replaced. BundleError says what's wrong.
    """
    folder = check_destination(path, overwrite=overwrite)
    files = {WEIGHTS: _save_arrays(weights)}
    for name, group in (arrays or {}).items():
        _add(files, name, _save_arrays(group))
    for name, content in documents.items():
        _add(files, name, content.encode() if isinstance(content, str) else bytes(content))
    manifest = Manifest(
        task=task,
        config=dict(config),
        network=dict(network),
        inputs=dict(inputs),
        data_digest=data_digest,
        versions=_versions(),
        files={name: digest(content) for name, content in files.items()},
    )
    write_folder(folder, {**files, MANIFEST: render_manifest(manifest)}, replace=overwrite)
    return manifest


def write_compressed(
    path: str | Path,
    original: Bundle,
    *,
    weights: Mapping[str, np.ndarray],
    compression: Mapping[str, Any],
    overwrite: bool = False,
) -> Manifest:
    """Save a model again with other weights, int8 beside their scales or float32; all else stays as it was.

    `compression` is plain JSON data that says what was done to the weights.
    """
    folder = check_destination(path, overwrite=overwrite)
    files = {**original.files, WEIGHTS: _save_arrays(weights)}
    manifest = original.manifest.model_copy(
        update={
            "format": FORMAT,
            "compression": dict(compression),
            "versions": _versions(),
            "files": {name: digest(content) for name, content in files.items()},
        }
    )
    write_folder(folder, {**files, MANIFEST: render_manifest(manifest)}, replace=overwrite)
    return manifest


def _add(files: dict[str, bytes], name: str, content: bytes) -> None:
    taken = {other.lower() for other in files}
    if check_file_name(name).lower() in taken:
        raise ValueError(f"two files of a bundle are called {name!r}")
    files[name] = content


def _save_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def _versions() -> dict[str, str]:
    """The programs that matter when a model behaves differently elsewhere, none of which is imported to ask."""
    from recurra import __version__

    found = {"recurra": __version__, "python": platform.python_version()}
    for package in ("numpy", "torch"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
