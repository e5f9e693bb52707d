from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import recurra
from recurra import ops
from recurra.bench import _problems
from recurra.bench._machine import describe_machine, openmp_runtimes

# For those who develop recurra, or made of the others.
_NOT_FOR_USERS = {"dev", "test", "all"}


@dataclass(frozen=True)
class PlanRow:
    """Which kernel a kind of layer runs on, and why."""

    layer: str
    kernel: str
    reason: str


@dataclass(frozen=True)
class MissingExtra:
    """An optional part that can't be used, what it lacks, and how to get it."""

    extra: str
    lacks: tuple[str, ...]
    command: str


@dataclass(frozen=True)
class Diagnosis:
    """What recurra finds on this machine."""

    version: str
    machine: Mapping[str, str | int]
    processor_features: tuple[str, ...]
    instruction_sets: tuple[str, ...]  # that the kernels can use, the best first
    instruction_set: str  # that they use
    torch: str | None  # its version; None if it isn't installed
    threads: int | None  # of torch, and with it of the kernels
    openmp: tuple[str, ...] | None  # files; None where the system doesn't tell
    plans: tuple[PlanRow, ...]
    missing: tuple[MissingExtra, ...]
    problems: tuple[str, ...]

    def to_document(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def examine() -> Diagnosis:
    """Look at the processor, the installation and the environment. Works without torch, and says what it lacks then."""
    features = ops.cpu_features()
    version, threads = _torch()
    machine = describe_machine()
    cores = int(machine["cores"])
    openmp = openmp_runtimes()
    problems = [
        *_problems.of_lightning(_installed()),
        *_problems.of_openmp(openmp),
        *_problems.of_threads(threads, cores, os.environ),
        *_problems.of_instruction_sets(features, ops.instruction_sets(), ops.instruction_set(), os.environ),
    ]
    return Diagnosis(
        version=recurra.__version__,
        machine=machine,
        processor_features=tuple(name for name, is_there in features.items() if is_there),
        instruction_sets=ops.instruction_sets(),
        instruction_set=ops.instruction_set(),
        torch=version,
        threads=threads,
        openmp=None if openmp is None else tuple(openmp),
        plans=_plans() if version else (),
        missing=tuple(_missing(metadata.requires("recurra") or [], _installed())),
        problems=tuple(problems),
    )


def _torch() -> tuple[str | None, int | None]:
    if find_spec("torch") is None:
        return None, None
    import torch

    return torch.__version__, torch.get_num_threads()


def _plans() -> tuple[PlanRow, ...]:
    """Every kind of layer and each of its options, in training on the processor; and a language model's loss."""
    import torch

    from recurra import nn

    kinds: dict[str, tuple[type[Any], dict[str, Any]]] = {
        "RNN": (nn.RNN, {}),
        "RNN, relu": (nn.RNN, {"nonlinearity": "relu"}),
        "RNN, sigmoid": (nn.RNN, {"nonlinearity": "sigmoid"}),
        "GRU": (nn.GRU, {}),
        "GRU, reset before": (nn.GRU, {"reset_after": False}),
        "LSTM": (nn.LSTM, {}),
        "LSTM, peepholes": (nn.LSTM, {"peephole": True}),
        "LSTM, projected": (nn.LSTM, {"proj_size": 2}),
        "LSTM, layer norm": (nn.LSTM, {"layer_norm": True}),
        "LSTM, zoneout": (nn.LSTM, {"zoneout": 0.1}),
        "LSTM, recurrent dropout": (nn.LSTM, {"recurrent_dropout": 0.1}),
        "LSTM, float64": (nn.LSTM, {"dtype": torch.float64}),
        "LSTM, bfloat16": (nn.LSTM, {"dtype": torch.bfloat16}),
    }
    layers = (PlanRow(name, *kind(3, 4, **options).plan()) for name, (kind, options) in kinds.items())
    loss = ops.plan("linear_cross_entropy", dtype=torch.float32, device=torch.device("cpu"), training=True)
    return *layers, PlanRow("linear cross-entropy", *loss)


def _installed() -> dict[str, str]:
    """Versions by name, names as pip compares them."""
    return {
        _normal(distribution.name): distribution.version
        for distribution in metadata.distributions()
        if distribution.name  # a folder that an installation left behind has none
    }


def _missing(requirements: list[str], installed: Mapping[str, str]) -> list[MissingExtra]:
    """Of the extras in a distribution's requirements, those that lack something."""
    lacking: dict[str, list[str]] = {}
    for requirement in requirements:
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", requirement)
        name = re.match(r"[\w.-]+", requirement)
        if extra and name and extra[1] not in _NOT_FOR_USERS and _normal(name[0]) not in installed:
            lacking.setdefault(extra[1], []).append(name[0])
    return [
        MissingExtra(extra, tuple(names), f"pip install 'recurra[{extra}]'") for extra, names in sorted(lacking.items())
    ]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
