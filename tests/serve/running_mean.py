"""A model that isn't a network: the mean of what was pushed. It shows that the server knows no kind of model.

    python tests/serve/running_mean.py BUNDLE PORT SESSIONS [--durable] [--impatient]

serves it, in a process where importing torch fails; with --impatient, slow clients have two seconds.
"""

from __future__ import annotations

import json
import math
import struct
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from recurra.bundle import open_bundle, write_bundle
from recurra.errors import DataError
from recurra.runtime import Inside, Model, Session, Spec, Trace, seal, unseal

_STATE = struct.Struct("<qd")


def write_mean(path: Path, *, scale: float = 1.0, overwrite: bool = False) -> Path:
    """A bundle of it; `scale` makes versions differ."""
    write_bundle(
        path,
        task="mean",
        config={},
        network={},
        inputs={},
        data_digest="",
        weights={"scale": np.full(1, scale, dtype=np.float32)},
        documents={"scores.json": json.dumps({"verdict": {"beats": ["persistence"]}})},
        overwrite=overwrite,
    )
    return path


class RunningMean(Model):
    def __init__(self, path: Path) -> None:
        self.bundle = open_bundle(path)
        self.scale = float(self.bundle.weights()["scale"][0])
        self.batches: list[int] = []

    def stream(self, *, id: Sequence[str] = (), start: float = 0.0, **options: Any) -> Session:
        return MeanSession(self, 0, self.number(start))

    def restore(self, state: bytes) -> Session:
        # It trusts the seal, so the server must survive what is sealed by somebody else.
        return MeanSession(self, *_STATE.unpack(unseal(self.fingerprint, state)))

    def push_many(self, sessions: Sequence[Any], xs: Sequence[Any]) -> list[Any]:
        numbers = [self.number(x) for x in xs]
        self.batches.append(len(xs))
        return [session.take(number) for session, number in zip(sessions, numbers, strict=True)]

    def spec(self) -> Spec:
        number = {"type": "number", "minimum": -1e6, "maximum": 1e6}
        answer = {"type": "object", "properties": {"mean": {"type": "number"}}, "required": ["mean"]}
        options = {"type": "object", "properties": {"start": number}, "additionalProperties": False}
        return Spec(push=number, answer=answer, options=options, columns=("x",), id_columns=(), example=1.5)

    def document(self, answer: Any) -> dict[str, Any]:
        return {"mean": answer * self.scale}

    def rows(self, session: Session, answer: Any) -> list[dict[str, Any]]:
        return [{"step": session.steps, **self.document(answer)}]

    def number(self, x: Any) -> float:
        if isinstance(x, bool) or not isinstance(x, int | float) or not math.isfinite(x) or abs(x) > 1e6:
            raise DataError(f"{x!r} isn't a number up to a million. Push one.")
        return float(x)


class MeanSession(Session):
    def __init__(self, model: RunningMean, steps: int, total: float) -> None:
        self.model, self.mean = model, model
        self.steps, self.total = steps, total

    def push(self, x: Any) -> Any:
        return self.take(self.mean.number(x))

    def take(self, number: float) -> float:
        if number == -404:  # a push that takes its time
            time.sleep(0.5)
        self.steps += 1
        self.total += number
        return self.total / self.steps

    def state(self) -> bytes:
        return seal(self.model.fingerprint, _STATE.pack(self.steps, self.total))

    def fork(self) -> Self:
        return type(self)(self.mean, self.steps, self.total)

    def reset(self) -> None:
        self.steps, self.total = 0, 0.0

    def inside(self, x: Any = None, *, hold: Mapping[str, float] | None = None) -> Inside:
        if hold:
            raise DataError("A mean has no gates. Leave hold out.")
        ones = np.ones((1, 1, 2), dtype=np.float32)
        trace = Trace("main", 0, "rnn", ("a",), values=ones, hidden=ones[0] * math.nan, memory=None)
        return Inside(self.fork().push(x), (trace,))

    def generate(
        self, steps: int, *, temperature: float = 1.0, seed: int | None = None, top_k: int = 0, top_p: float = 1.0
    ) -> Iterator[Any]:
        for _ in range(steps):
            yield self.take(1.0)


def main() -> None:
    sys.modules["torch"] = None  # type: ignore[assignment]
    from recurra.serve import ServeConfig, Server, _protocol

    bundle, port, sessions, *flags = sys.argv[1:]
    patience = 2 if "--impatient" in flags else 30
    config = ServeConfig(port=int(port), sessions=Path(sessions), durable="--durable" in flags, timeout=patience)
    if "--impatient" in flags:
        _protocol.HEADER_TIME = 2
    server = Server([Path(bundle)], config, load=RunningMean)
    print(server.address, flush=True)
    server.run()


if __name__ == "__main__":
    main()
