from __future__ import annotations

import os
import secrets
from pathlib import Path

from recurra.errors import ConfigError, RecurraError


def check_new_file(path: Path, *, overwrite: bool) -> None:
    """Refuse, before any work, a file that can't be written or that exists and mayn't be replaced."""
    if path.is_dir():
        raise ConfigError(f"{path} is a folder. Name a file.")
    if path.exists() and not overwrite:
        raise ConfigError(f"{path} exists already. Choose another name, or pass --overwrite to replace it.")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise ConfigError(f"{path} can't be written: there is no folder {folder}. Make it, or choose another place.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"{path} can't be written: no permission to write in {folder}. Choose another place.")


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    target = path.resolve()
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        with partial.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise RecurraError(
            f"{path} couldn't be written: {error.strerror or error}. Make room or choose another place."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
