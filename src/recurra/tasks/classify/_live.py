"""A classifier at work, without torch: what `recurra.runtime.load` gives for bundles of this task."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import ValidationError

from recurra.blocks import Composition
from recurra.bundle import Bundle
from recurra.data.text import Encoder
from recurra.errors import BundleError, ConfigError, DataError, StateError
from recurra.runtime import Model, Network, Prediction, Session, Spec, check_alone, read_each, unseal
from recurra.tasks.classify._answers import Answers
from recurra.tasks.classify._live_session import ClassifySession, push_together, unpack
from recurra.tasks.classify._scaling import Scaling
from recurra.tasks.classify._words import LONGEST, words_of

_STEPS_AT_ONCE = 4096


def open_classifier(bundle: Bundle) -> LiveClassifier:
    """Load a classifier to run it. BundleError where its parts don't fit together."""
    return LiveClassifier(bundle)


class LiveClassifier(Model):
    """A classifier of whole texts or series; one that reads one way has sessions too, which take them as they come."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        try:
            self.answers = Answers.model_validate(dict(bundle.manifest.inputs))
            self.composition = Composition.model_validate(bundle.manifest.network)
            read = Encoder if self.answers.kind == "text" else Scaling
            self.inputs = read.model_validate_json(bundle.read("preprocessing.json"))
            self.network = Network(self.composition, bundle.quantised())
            if self.inputs.widths != self.composition.inputs:
                raise ValueError("what is read and the network differ")
        except (ValidationError, KeyError, ValueError, TypeError) as error:
            raise BundleError(
                f"{bundle.path} is whole, but its content does not fit together ({type(error).__name__}). It may come "
                "from another version of recurra; fit the model again."
            ) from error

    def __repr__(self) -> str:
        return f"<Classifier {self.name!r}, {len(self.answers.labels)} labels>"

    def classify(self, samples: Sequence[Any]) -> np.ndarray:
        """Probabilities (N, L) of whole texts, or of series given as rows of numbers (T, C); NaN is missing."""
        encoded = [self.encode(sample) for sample in samples]
        logits = np.zeros((len(encoded), len(self.answers.labels)), np.float32)
        by_length: defaultdict[int, list[int]] = defaultdict(list)
        for place, inputs in enumerate(encoded):
            by_length[len(next(iter(inputs.values())))].append(place)
        for length, places in by_length.items():
            if length > LONGEST and not self.composition.obstacles():
                for place in places:
                    logits[place] = self._step_through(encoded[place])
                continue
            size = max(1, _STEPS_AT_ONCE // max(length, 1))
            for start in range(0, len(places), size):
                chosen = places[start : start + size]
                inputs = {
                    name: np.stack([encoded[place][name][:LONGEST] for place in chosen]).astype(np.float32)
                    for name in self.composition.inputs
                }
                (logits[chosen],) = self.network.run(inputs).values()
        return self.answers.probabilities(logits)

    def encode(self, sample: Any) -> dict[str, np.ndarray]:
        """A text, or rows of numbers, as the network takes it, (T, width) each."""
        if isinstance(self.inputs, Encoder):
            return self.inputs.encode(words_of(self.inputs, sample))
        rows = np.asarray(sample, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(self.inputs.columns) or not len(rows):
            raise DataError(
                f"A series has shape {rows.shape}; {self.name} takes rows of {', '.join(self.inputs.columns)}, "
                "one at least."
            )
        return self.inputs.encode(rows)

    def _step_through(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """The logits (L,) of something long, step by step."""
        state = self.network.begin()
        values = [np.ascontiguousarray(inputs[name], np.float32) for name in self.composition.inputs]
        step = self.network.compiled({name: (width,) for name, width in self.composition.inputs.items()}, step=True)
        logits = np.zeros((1, len(self.answers.labels)), np.float32)
        for at in range(len(values[0])):
            (logits,) = step([value[at : at + 1] for value in values], 1, [state])
        return logits[0]

    def stream(self, *, id: Sequence[str] = (), **options: Any) -> ClassifySession:
        """A session at the beginning of a text or a series. ConfigError for a model that reads both ways."""
        if self.obstacle:
            raise ConfigError(self.obstacle)
        check_alone(self.name, id, options)
        return ClassifySession(self)

    @property
    def obstacle(self) -> str:
        """Why there are no sessions; empty where there are."""
        if not self.composition.obstacles():
            return ""
        what = "a text" if self.answers.kind == "text" else "a series"
        return (
            f"{self.name} reads both ways, so it can't answer while {what} comes. Fit one that can with "
            "--no-bidirectional; recurra predict answers whole files with this one."
        )

    def predict(self, rows: Sequence[Any], *, id: Sequence[str] = (), **options: Any) -> list[Prediction]:
        """The answers to whole texts, one for each row; or to the one series that the rows are."""
        check_alone(self.name, id, options)
        given = read_each(self.read, rows, called="row")
        samples: list[Any] = given if isinstance(self.inputs, Encoder) else [np.concatenate(given)]
        found = []
        for sample, shares in zip(samples, self.classify(samples), strict=True):
            count = len(self.inputs.tokeniser.pieces(sample)) if isinstance(self.inputs, Encoder) else len(sample)
            answer = self.answers.document(shares) | {self.counted: count}
            found.append(Prediction(answer, [self._row(answer)]))
        return found

    def restore(self, state: bytes) -> ClassifySession:
        """The session that gave these bytes."""
        session = self.stream()
        try:
            unpack(session, unseal(self.fingerprint, state))
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, StateError):
                raise
            raise StateError(
                f"This state isn't one of {self.name}'s, though it says so. Use what state() returned."
            ) from error
        return session

    def push_many(self, sessions: Sequence[ClassifySession], xs: Sequence[Any]) -> list[dict[str, Any]]:
        """One push to each of many sessions; their steps are taken together."""
        self._check_pairs(sessions, xs)
        return push_together(self, sessions, read_each(self.read, xs))

    def read(self, x: Any) -> str | np.ndarray:
        """A push: text, or a row of numbers (1, C). DataError for anything else."""
        if isinstance(self.inputs, Scaling):
            return _row(x, self.inputs.columns, self.name)
        if isinstance(x, Mapping) and x.keys() == {"text"}:
            x = x["text"]
        if isinstance(x, (list, tuple)) and len(x) == 1:
            x = x[0]
        if not isinstance(x, str):
            raise DataError(f"A push is {x!r}; {self.name} takes text, a chunk of any length.")
        return x

    def spec(self) -> Spec:
        """Text or rows of numbers in, a label with probabilities out."""
        if isinstance(self.inputs, Scaling):
            columns, number = self.inputs.columns, {"type": ["number", "null"]}
            push: dict[str, Any] = {
                "type": "object",
                "properties": dict.fromkeys(columns, number),
                "additionalProperties": False,
            }
            example: Any = dict.fromkeys(columns, 0.0)
        else:
            columns, text = ("text",), {"type": "string"}
            row = {"type": "object", "properties": {"text": text}, "required": ["text"], "additionalProperties": False}
            push, example = {"anyOf": [text, row]}, self.inputs.example
        share = {"type": "object", "additionalProperties": {"type": "number"}}
        properties = {"label": {"type": "string"}, "probabilities": share, self.counted: {"type": "integer"}}
        return Spec(
            push=push,
            answer={"type": "object", "properties": properties, "required": list(properties)},
            options={"type": "object", "properties": {}, "additionalProperties": False},
            columns=columns,
            id_columns=(),
            example=example,
            whole=self.answers.kind == "text",
            obstacle=self.obstacle,
        )

    @property
    def counted(self) -> str:
        """What an answer counts."""
        return "words" if self.answers.kind == "text" else "rows"

    def document(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer, which is JSON data as it is."""
        return answer

    def rows(self, session: Session, answer: dict[str, Any]) -> list[dict[str, Any]]:
        """One row: the label, its probability, and that of every label."""
        return [self._row(answer)]

    def _row(self, answer: dict[str, Any]) -> dict[str, Any]:
        shares = answer["probabilities"]
        own = {f"p_{label}": shares[label] for label in self.answers.labels}
        return {"label": answer["label"], "probability": max(shares.values()), **own}


def _row(x: Any, columns: tuple[str, ...], name: str) -> np.ndarray:
    values = x
    if isinstance(x, Mapping):
        if not x or not x.keys() <= set(columns):
            raise DataError(f"A push has {', '.join(map(str, x)) or 'nothing'}; {name} takes {', '.join(columns)}.")
        values = [x.get(column) for column in columns]
    elif not isinstance(x, (list, tuple, np.ndarray)):
        values = [x]
    try:
        row = np.array([_number(value) for value in values])
    except (TypeError, ValueError) as error:
        raise DataError(f"A push is {x!r}; {name} takes numbers, or null where one is missing.") from error
    if row.shape != (len(columns),) or np.isinf(row).any() or any(isinstance(value, bool) for value in values):
        raise DataError(f"A push is {x!r}; {name} takes {len(columns)} finite numbers: {', '.join(columns)}.")
    return row[None]


def _number(value: Any) -> float:
    """A number; NaN for nothing."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return np.nan
    return float(value)
