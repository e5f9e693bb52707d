from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from recurra.bundle._manifest import MANIFEST, parse_manifest
from recurra.errors import BundleError


def check_destination(path: str | Path, *, overwrite: bool) -> Path:
    """The folder that a bundle would be written to; refuses what `write_bundle` would refuse, before any work is done.

    Only a bundle may be overwritten, and only one that holds nothing else: nobody's own files are ever deleted.
    """
    folder = Path(path).resolve()
    if folder.exists():
        if not overwrite:
            raise BundleError(
                f"{path} exists already. Choose another place, or pass --overwrite (overwrite=True) to replace it."
            )
        _check_replaceable(folder)
    parent = next(parent for parent in folder.parents if parent.exists())
    if not parent.is_dir():
        raise BundleError(f"{path} can't be written: {parent} is a file, not a folder. Choose another place.")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise BundleError(f"{path} can't be written: no permission to write in {parent}. Choose another place.")
    return folder


def _check_replaceable(folder: Path) -> None:
    refusal = (
        f"{folder} isn't a recurra bundle that this program can read, so it won't be overwritten. "
        "Choose another place, or remove it yourself."
    )
    if not folder.is_dir() or not (folder / MANIFEST).is_file():
        raise BundleError(refusal)
    try:
        listed = parse_manifest((folder / MANIFEST).read_bytes(), path=folder / MANIFEST).files
    except (BundleError, OSError) as error:
        raise BundleError(refusal) from error
    strangers = sorted({entry.name for entry in folder.iterdir()} - set(listed) - {MANIFEST})
    if strangers:
        raise BundleError(
            f"{folder} also holds {strangers[0]}, which isn't part of the bundle and would be deleted. "
            "Move it away first, or choose another place."
        )


def write_folder(folder: Path, contents: Mapping[str, bytes], *, replace: bool) -> None:
    """Put `folder` in place with these files, all of it or nothing; `replace` what stands there, or fail.

    The files are written and synced in a hidden sibling which then takes the folder's name. Whatever goes wrong before
    that moment, what stood there before still stands there, whole.
    """
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
        for name, content in contents.items():
            _write_synced(partial / name, content)
        sync_folder(partial)
        _put_in_place(partial, folder, replace=replace)
    except OSError as error:
        raise BundleError(
            f"{folder} couldn't be saved: {error.strerror or error}. Nothing was changed. "
            "Make room or choose another place, and save again."
        ) from error
    finally:
        # After an exchange this is the old bundle, after a failure the unfinished new one.
        shutil.rmtree(partial, ignore_errors=True)
    # The folder is in place; if its name can't be made durable at once, the system will do so in its own time.
    with suppress(OSError):
        sync_folder(folder.parent)


def _write_synced(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable: a rename is safe from a power cut once the folder is on disk."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_in_place(partial: Path, folder: Path, *, replace: bool) -> None:
    # A rename fails if somebody else has just put something at this name.
    if not replace or not folder.exists():
        partial.rename(folder)
        return
    if _exchange(partial, folder):
        return
    # Without an atomic exchange there is a moment with no folder at this name; the old one then waits beside it.
    previous = folder.with_name(f"{folder.name}.previous-{secrets.token_hex(4)}")
    folder.rename(previous)
    try:
        partial.rename(folder)
    except BaseException:
        previous.rename(folder)
        raise
    shutil.rmtree(previous, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step where the system can: Linux has renameat2(RENAME_EXCHANGE), macOS RENAME_SWAP."""
    if not sys.platform.startswith(("linux", "darwin")):
        return False
    here, exchange = (-100, 2) if sys.platform.startswith("linux") else (-2, 2)
    system = ctypes.CDLL(None, use_errno=True)
    call = getattr(system, "renameat2" if sys.platform.startswith("linux") else "renameatx_np", None)
    if call is None:
        return False
    return call(here, os.fsencode(one), here, os.fsencode(other), ctypes.c_uint(exchange)) == 0
