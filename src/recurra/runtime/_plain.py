from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
from pydantic import ValidationError

from recurra.blocks import Characters, Composition, Embedding
from recurra.bundle import Bundle
from recurra.errors import BundleError, ConfigError, DataError, StateError
from recurra.runtime._generating import generate_codes
from recurra.runtime._native import State
from recurra.runtime._network import Network
from recurra.runtime._session import Inside, Model, Session, Spec, check_alone, read_each
from recurra.runtime._state import seal, unseal

_FLOAT32 = np.dtype(np.float32)
_STEPS = struct.Struct("<Q")
_LARGEST = float(np.finfo(np.float32).max)


class PlainModel(Model):
    """A network of causal blocks as it is: its inputs go in, what its last branch gives comes out.

    ConfigError for a network that can't run step by step.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        try:
            self.composition = Composition.model_validate(bundle.manifest.network)
            self.network = Network(self.composition, bundle.quantised())
            self._inputs = tuple(self.composition.inputs.items())
            self._codes = _codes(self.composition)
            self._columns = {
                name if width == 1 else f"{name}.{place}": name
                for name, width in self._inputs
                for place in range(width)
            }
            # A vector of float32 is a push as it is, without a look at its numbers; codes are always looked at.
            name, width = self._inputs[0]
            self._vector_shape = (width,) if len(self._inputs) == 1 and name not in self._codes else None
            self.step = self.network.compiled({name: (width,) for name, width in self._inputs}, step=True)
        except (ValidationError, KeyError, ValueError) as error:
            if isinstance(error, ConfigError):
                raise
            raise BundleError(
                f"{bundle.path} is whole, but its network and weights don't fit together ({error}). Fit it again."
            ) from error
        self.shape = self.step.shapes[0]
        # What it says of the next code can be drawn from and pushed.
        self.generates = len(self._inputs) == 1 and self._codes.get(self._inputs[0][0]) == self.shape

    def __repr__(self) -> str:
        return f"<PlainModel {self.name!r}, {self.network.outputs[0]} from {', '.join(dict(self._inputs))}>"

    def stream(self, *, id: Sequence[str] = (), **options: Any) -> PlainSession:
        """A session at the beginning of a sequence."""
        check_alone(self.name, id, options)
        return PlainSession(self, self.network.begin(), 0)

    def restore(self, state: bytes) -> PlainSession:
        """The session that gave these bytes."""
        content = unseal(self.fingerprint, state)
        begun = self.network.begin()
        # A seal keeps off damage, not somebody who makes states up.
        if len(content) != _STEPS.size + 4 * begun.size or (steps := _STEPS.unpack_from(content)[0]) >= 2**63:
            raise StateError(f"This state isn't one of {self.name}'s, though it says so. Use what state() returned.")
        begun.write(np.frombuffer(content, dtype="<f4", offset=_STEPS.size).astype(np.float32))
        return PlainSession(self, begun, steps)

    def push_many(self, sessions: Sequence[PlainSession], xs: Sequence[Any]) -> list[np.ndarray]:
        """One step of each session, in one call of the core."""
        self._check_pairs(sessions, xs)
        if not len(sessions):
            return []
        (answers,) = self.step(self._stacked(xs), len(xs), [session.numbers for session in sessions])
        for session in sessions:
            session.steps += 1
        return list(answers)

    def spec(self) -> Spec:
        """Its inputs and output, as numbers."""
        vectors = {name: self._schema(name, width) for name, width in self._inputs}
        only = next(iter(vectors.values()))
        several = {"type": "object", "properties": vectors, "required": list(vectors), "additionalProperties": False}
        output = {"type": "array", "items": {"type": "number"}}
        example = {name: [0] * width for name, width in self._inputs}
        return Spec(
            push=only if len(vectors) == 1 else several,
            answer={"type": "object", "properties": {"output": output}, "required": ["output"]},
            options={"type": "object", "properties": {}, "additionalProperties": False},
            columns=tuple(self._columns),
            id_columns=(),
            example=next(iter(example.values())) if len(example) == 1 else example,
        )

    def document(self, answer: np.ndarray) -> dict[str, Any]:
        """{"output": numbers}; a number that isn't finite is null."""
        return {"output": _finite(answer.tolist())}

    def rows(self, session: Session, answer: np.ndarray) -> list[dict[str, Any]]:
        """One row: the step and each number."""
        flat = answer.ravel()
        names = ["output"] if len(flat) == 1 else [f"output.{i}" for i in range(len(flat))]
        return [{"step": session.steps, **dict(zip(names, map(float, flat), strict=True))}]

    def read(self, x: Any) -> list[np.ndarray]:
        """A push as the network takes it, (1, F) each: also a row of `Spec.columns`. DataError for anything else."""
        if type(x) is np.ndarray and x.dtype is _FLOAT32 and x.shape == self._vector_shape:
            return [x if x.flags.c_contiguous else x.copy()]
        if len(self._inputs) == 1 and not isinstance(x, Mapping):
            name, width = self._inputs[0]
            return [self._vector(name, width, x)]
        names = dict(self._inputs).keys()
        if isinstance(x, Mapping) and x.keys() == self._columns.keys() != names:
            x = {name: [x[column] for column, of in self._columns.items() if of == name] for name in names}
        if not isinstance(x, Mapping) or x.keys() != names:
            given = ", ".join(map(str, x)) or "nothing" if isinstance(x, Mapping) else type(x).__name__
            raise DataError(f"A push has {given}; {self.name} takes {', '.join(names)}.")
        return [self._vector(name, width, x[name]) for name, width in self._inputs]

    def _vector(self, name: str, width: int, x: Any) -> np.ndarray:
        try:
            vector = np.array(x, dtype=np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(f"{name} is {x!r}; it takes {_numbers(width)}.") from error
        is_truth = isinstance(x, bool) or (isinstance(x, list) and any(isinstance(number, bool) for number in x))
        if is_truth or vector.ndim > 1 or vector.size != width or not (np.abs(vector) <= _LARGEST).all():
            raise DataError(f"{name} is {x!r}; it takes {_numbers(width)}, none of them NaN or infinite in float32.")
        vector = vector.reshape(1, -1)
        if name in self._codes:
            limits = np.array(self._codes[name])
            if (vector != np.floor(vector)).any() or (vector < 0).any() or (vector >= limits).any():
                allowed = ", ".join(f"0 to {limit - 1}" for limit in limits)
                raise DataError(f"{name} is {x!r}; it takes codes, whole numbers: {allowed}.")
        return vector.astype(np.float32)

    def _stacked(self, xs: Sequence[Any]) -> list[np.ndarray]:
        if isinstance(xs, np.ndarray) and xs.dtype == np.float32 and xs.shape[1:] == self._vector_shape:
            return [np.ascontiguousarray(xs)]
        return [np.concatenate(arrays) for arrays in zip(*read_each(self.read, xs), strict=True)]

    def _schema(self, name: str, width: int) -> dict[str, Any]:
        number: dict[str, Any] = {"type": "number"}
        if name in self._codes:
            number = {"type": "integer", "minimum": 0, "maximum": max(self._codes[name]) - 1}
        vector = {"type": "array", "items": number, "minItems": width, "maxItems": width}
        return {"anyOf": [number, vector]} if width == 1 else vector


class PlainSession(Session):
    """A sequence that a `PlainModel` follows."""

    model: PlainModel

    def __init__(self, model: PlainModel, numbers: State, steps: int) -> None:
        self.model = model  # pyright: ignore[reportIncompatibleVariableOverride]
        self.numbers = numbers
        self.steps = steps

    def push(self, x: Any) -> np.ndarray:
        """One step: numbers in, the output in numbers, float32."""
        model = self.model
        inputs = model.read(x)
        if len(inputs) == 1:
            answer = model.step.program.step(inputs[0], self.numbers)
        else:
            (answer,) = model.step.program.run(inputs, 1, [self.numbers])[0]
        self.steps += 1
        return answer

    def state(self) -> bytes:
        """Its numbers, sealed."""
        numbers = np.empty(self.numbers.size, dtype=np.float32)
        self.numbers.read(numbers)
        return seal(self.model.fingerprint, _STEPS.pack(self.steps) + numbers.astype("<f4").tobytes())

    def fork(self) -> Self:
        """A session that stands where this one does and goes its own way."""
        return type(self)(self.model, self.numbers.copy(), self.steps)

    def reset(self) -> None:
        """Back to the beginning of a sequence."""
        self.numbers, self.steps = self.model.network.begin(), 0

    def inside(self, x: Any = None, *, hold: Mapping[str, float] | None = None) -> Inside:
        """What a push of `x` would say, seen from within."""
        if x is None:
            raise DataError("Give the push to look at: the session keeps what it became, not what it has read.")
        model = self.model
        inputs = dict(zip(model.composition.inputs, model.read(x), strict=True))
        answers, traces = model.network.inside(inputs, self.numbers, hold=hold)
        return Inside(answers[model.network.outputs[0]][0], traces)

    def generate(
        self, steps: int, *, temperature: float = 1.0, seed: int | None = None, top_k: int = 0, top_p: float = 1.0
    ) -> Iterator[int]:
        """Push code 0, draw a code from the answer, push it, and so on: the codes that were drawn."""
        if not self.model.generates:
            yield from super().generate(steps)
        drawn = generate_codes(
            self.model.step.program,
            self.push(0),
            self.numbers,
            steps=steps,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
        )
        for code, _ in drawn:
            self.steps += 1
            yield code


def _finite(numbers: Any) -> Any:
    """Nested lists of numbers as JSON can say them."""
    if isinstance(numbers, list):
        return [_finite(inner) for inner in numbers]
    return numbers if math.isfinite(numbers) else None


def _codes(composition: Composition) -> dict[str, tuple[int, ...]]:
    """The inputs that are codes, and how many each column knows."""
    found: dict[str, tuple[int, ...]] = {}
    for branch in composition.branches:
        first, name = branch.blocks[0] if branch.blocks else None, branch.takes[0]
        if name not in composition.inputs:
            continue
        if isinstance(first, Embedding):
            found[name] = first.categories
        elif isinstance(first, Characters):
            found[name] = (first.categories,) * composition.inputs[name]
    return found


def _numbers(width: int) -> str:
    return "a number" if width == 1 else f"{width} numbers"
