from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from recurra.errors import ConfigError, RecurraError, StateError
from recurra.runtime import Model, Session, Spec
from recurra.serve._batcher import Batcher, Waiting
from recurra.serve._metrics import Metrics
from recurra.serve._problem import Problem

Journal = Callable[[Sequence[Waiting]], Awaitable[None]]


class Served:
    """One version of a model, with what carries pushes to it."""

    def __init__(self, name: str, model: Model, batcher: Batcher) -> None:
        self.name = name
        self.model = model
        self.spec: Spec = model.spec()
        self.batcher = batcher

    def document(self, answer: Any) -> bytes:
        """An answer as JSON."""
        return to_json(self.model.document(answer), inf_nan_mode="null")

    def restore(self, state: bytes) -> Session:
        """The session that gave these bytes. StateError for any others."""
        try:
            return self.model.restore(state)
        except RecurraError:
            raise
        except Exception as error:
            # Whoever makes bytes up and seals them may break their reader anywhere.
            raise StateError(
                f"These bytes say that they are a state of {self.name}, but aren't. Use a snapshot as it was given."
            ) from error

    def card(self) -> dict[str, Any]:
        """What it was trained on, how well it does, and beside what."""
        bundle, manifest = self.model.bundle, self.model.bundle.manifest
        scores = bundle.document("scores.json") if "scores.json" in bundle.files else {}
        return {
            "name": self.name,
            "task": self.model.task,
            "fingerprint": self.model.fingerprint.hex(),
            "scores": scores,
            "verdict": scores.get("verdict"),
            "generates": self.model.generates,
            "inputs": manifest.inputs,
            "config": manifest.config,
            "data_digest": manifest.data_digest,
            "versions": manifest.versions,
            "network": manifest.network,
        }


class Shelf:
    """The models on offer by name. A bundle that changed on disk is read again when asked; sessions keep theirs."""

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        load: Callable[[Path], Model],
        journal: Journal | None,
        metrics: Metrics,
        threads: ThreadPoolExecutor,
    ) -> None:
        self._load, self._journal, self._metrics, self._threads = load, journal, metrics, threads
        self._paths: dict[str, Path] = {}
        self._current: dict[str, Served] = {}
        for path in paths:
            model = load(path)
            if (other := self._paths.get(model.name)) is not None:
                raise ConfigError(f"{other} and {path} are both called {model.name!r}. Rename one of the folders.")
            self._paths[model.name] = path.absolute()
            self._current[model.name] = self._serve(model.name, model)

    @property
    def current(self) -> Mapping[str, Served]:
        """The newest version of each model."""
        return self._current

    def find(self, name: str) -> Served:
        """The model of this name, or a 404."""
        if name not in self._current:
            raise Problem(404, "model", f"No model is called {name!r} here, only {', '.join(self._current)}.")
        return self._current[name]

    async def reload(self, name: str) -> bool:
        """Read a bundle again; True if it is another than before. Sessions that are open go on with theirs.

        BundleError, and nothing has changed, where the folder can't be read.
        """
        before = self.find(name)
        model = await asyncio.to_thread(self._load, self._paths[name])
        if model.fingerprint == before.model.fingerprint:
            return False
        self._current[name] = self._serve(name, model)
        return True

    def _serve(self, name: str, model: Model) -> Served:
        def ran() -> None:
            self._metrics.batches[name] += 1

        return Served(name, model, Batcher(model, threads=self._threads, journal=self._journal, ran=ran))
