"""How every task keeps what it has trained: a network, and what must be known beside it, as a bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from pydantic import BaseModel, ValidationError
from torch import nn

from recurra.blocks import Composition
from recurra.bundle import Bundle, open_bundle, write_bundle
from recurra.errors import BundleError
from recurra.nn import Network

Scores = TypeVar("Scores", bound=BaseModel)


@dataclass(frozen=True, eq=False)
class Kept(Generic[Scores]):
    """What `open_network` found."""

    bundle: Bundle
    composition: Composition
    network: Network  # in evaluation mode
    scores: Scores

    @property
    def config(self) -> dict[str, Any]:
        """The options it was fitted with."""
        return dict(self.bundle.manifest.config)

    @property
    def inputs(self) -> dict[str, Any]:
        """What `save_network` was given as `inputs`."""
        return dict(self.bundle.manifest.inputs)

    @property
    def data_digest(self) -> str:
        """Of the data it was fitted on."""
        return self.bundle.manifest.data_digest


def save_network(
    path: str | Path,
    *,
    task: str,
    config: BaseModel,
    composition: Composition,
    inputs: Mapping[str, Any],
    data_digest: str,
    network: nn.Module,
    preprocessing: BaseModel,
    scores: BaseModel,
    report: str | None,
    documents: Mapping[str, str | bytes] | None = None,
    arrays: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a bundle. Raises BundleError where that can't be done; then nothing is left behind.

    `inputs` is plain JSON data; `documents` and `arrays` are further files by name.
    """
    files: dict[str, str | bytes] = {
        "preprocessing.json": preprocessing.model_dump_json(indent=1),
        "scores.json": scores.model_dump_json(indent=1),
        **(documents or {}),
    }
    if report is not None:
        files["report.html"] = report
    write_bundle(
        path,
        task=task,
        config=config.model_dump(mode="json"),
        network=composition.model_dump(mode="json"),
        inputs=inputs,
        data_digest=data_digest,
        weights={name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()},
        documents=files,
        arrays=arrays,
        overwrite=overwrite,
    )


def open_network(path: str | Path, task: str, scores_class: type[Scores]) -> Kept[Scores]:
    """Read a bundle. Raises BundleError for one that is missing, damaged, newer, or of another task."""
    bundle = open_bundle(path)
    if bundle.manifest.task != task:
        raise BundleError(
            f"{path} holds a model for {bundle.manifest.task}, not for {task}. Load it with recurra.load."
        )
    with fitting_together(path):
        composition = Composition.model_validate(bundle.manifest.network)
        network = Network(composition)
        network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in bundle.weights().items()})
        scores = scores_class.model_validate_json(bundle.read("scores.json"))
    network.eval()
    return Kept(bundle, composition, network, scores)


@contextmanager
def fitting_together(path: str | Path) -> Iterator[None]:
    """Reading the parts of a whole bundle: a BundleError where they contradict each other."""
    try:
        yield
    except (ValidationError, KeyError, RuntimeError, TypeError) as error:
        raise BundleError(
            f"{path} is whole, but its content does not fit together ({type(error).__name__}). It may come from "
            "another version of recurra; fit the model again."
        ) from error
