from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from recurra.errors import ConfigError, RecurraError


def check_free(path: Path, *, overwrite: bool, folder: bool) -> None:
    """Refuse, before any work, a place that can't be written to or that holds something that mayn't be replaced."""
    if path.exists() and path.is_dir() != folder:
        raise ConfigError(f"{path} is a {'file' if folder else 'folder'}. Choose another name.")
    if path.exists() and not overwrite:
        raise ConfigError(f"{path} exists already. Choose another name, or pass --overwrite to replace it.")
    if not path.resolve().parent.is_dir():
        raise ConfigError(f"{path} can't be written: there is no folder {path.resolve().parent}. Make it first.")


def put_files(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files into a folder that exists: all beside their places first, then into them."""
    partial = folder / f".{secrets.token_hex(4)}.partial"
    try:
        partial.mkdir()
        for name, content in contents.items():
            (partial / name).write_bytes(content)
        for name in contents:
            (partial / name).replace(folder / name)
    except OSError as error:
        raise RecurraError(
            f"{folder} couldn't be written to: {error.strerror or error}. Make room or choose another place."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
