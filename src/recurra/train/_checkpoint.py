"""A place in training on disk: written whole or not at all, read without executing anything."""

from __future__ import annotations

import hashlib
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from recurra.bundle import sync_folder
from recurra.errors import ConfigError, TrainingError
from recurra.train._config import TrainingConfig
from recurra.train._tensors import named_tensors
from recurra.train._weights import weights_of

FORMAT = 2
# Fields that change neither a weight nor a number of the history.
_HARMLESS = {"memory"}


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Put `state` at `path`; whenever the process or the machine dies, there is the old file or the new one."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            torch.save({"format": FORMAT, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        sync_folder(path.parent)
    except OSError as error:
        if part.is_file():
            part.unlink()
        raise TrainingError(
            f"The checkpoint {path} can't be written: {error.strerror or error}. An earlier one, if there was one, is "
            "untouched. Free some space or name another place, then resume."
        ) from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The state that `write_checkpoint` put at `path`; a damaged file is refused."""
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
        if broken is not None:
            raise zipfile.BadZipFile(f"{broken} fails its checksum")
        state = torch.load(path, weights_only=True)
    except (OSError, zipfile.BadZipFile, zipfile.LargeZipFile, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TrainingError(
            f"The checkpoint {path} is damaged ({reason}). Delete it, or start again without resuming."
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        found = state.get("format") if isinstance(state, dict) else None
        raise TrainingError(
            f"The checkpoint {path} has format {found!r}; this version of recurra reads {FORMAT}. Resume with the "
            "version that wrote it, or start again without resuming."
        )
    return state


def identify(
    network: nn.Module, config: TrainingConfig, *, steps_per_epoch: int, first_batch: Any, frozen: dict[str, int]
) -> dict[str, Any]:
    """What a resumed run must share with the one that it continues."""
    return {
        "config": config.model_dump(mode="json"),
        "weights": {name: list(tensor.shape) for name, tensor in weights_of(network).items()},
        "steps_per_epoch": steps_per_epoch,
        "first_batch": _digest(first_batch),
        "frozen": frozen,
    }


def refuse_other(path: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise ConfigError when the checkpoint at `path` belongs to another config, network or other data."""
    fields = sorted(
        field
        for field in (before["config"].keys() | now["config"].keys()) - _HARMLESS
        if before["config"].get(field) != now["config"].get(field)
    )
    advice = "Resume with what it was started with, or start again without resuming."
    if fields:
        changes = ", ".join(
            f"{field}={now['config'].get(field)!r} (it has {before['config'].get(field)!r})" for field in fields
        )
        raise ConfigError(f"The checkpoint {path} was written with other options: you gave {changes}. {advice}")
    if before["weights"] != now["weights"]:
        raise ConfigError(f"The checkpoint {path} belongs to a network with other weights. {advice}")
    if before["frozen"] != now["frozen"]:
        raise ConfigError(f"The checkpoint {path} was written with other weights frozen. {advice}")
    if before["steps_per_epoch"] != now["steps_per_epoch"] or before["first_batch"] != now["first_batch"]:
        raise ConfigError(
            f"The checkpoint {path} was written with other data: the first batch or the steps of an epoch differ "
            f"({before['steps_per_epoch']} steps then, {now['steps_per_epoch']} now). {advice}"
        )


def _digest(batch: Any) -> str:
    digest = hashlib.sha256()
    for name, tensor in named_tensors(batch):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
