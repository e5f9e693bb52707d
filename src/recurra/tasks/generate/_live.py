"""A saved language model at work: text in, surprise and what may come next out; without torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import ValidationError

from recurra.blocks import Composition
from recurra.bundle import Bundle
from recurra.data.text import Encoder, Feed
from recurra.errors import BundleError, ConfigError, DataError, StateError
from recurra.runtime import Model, Network, Prediction, Session, Spec, Trace, check_alone, read_each, unseal
from recurra.tasks.generate._live_session import GenerateSession, Reading
from recurra.tasks.generate._live_writing import Place, Writer, log2_shares

SHOWN = 10  # likeliest next pieces in an answer


def open_generator(bundle: Bundle) -> LiveGenerator:
    """The model in a bundle. BundleError where its parts don't fit together."""
    try:
        return LiveGenerator(bundle)
    except (ValidationError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, ConfigError):
            raise
        raise BundleError(
            f"{bundle.path} is whole, but its network and vocabulary don't fit together ({error}). Fit it again."
        ) from error


class LiveGenerator(Model):
    """A language model whose sessions read text as it comes and write on."""

    generates = writes = True

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        composition = Composition.model_validate(bundle.manifest.network)
        encoder = Encoder.model_validate_json(bundle.read("preprocessing.json"))
        self.network = Network(composition, bundle.quantised())
        self.writer = Writer(self.network, encoder, int(str(bundle.manifest.inputs["begin"])))
        self.encoder = encoder

    def __repr__(self) -> str:
        return f"<Generator {self.name!r}, {self.encoder.words.size - 1:,} pieces>"

    def stream(self, *, id: Sequence[str] = (), **options: Any) -> GenerateSession:
        """A session before any text."""
        check_alone(self.name, id, options)
        return GenerateSession(self, self.writer.begin(), Feed(self.encoder.tokeniser), 0)

    def restore(self, state: bytes) -> GenerateSession:
        """The session that gave these bytes."""
        head, _, raw = unseal(self.fingerprint, state).partition(b"\0")
        state_size, answer_size = self.network.state_size, self.encoder.words.size
        try:
            about = json.loads(head)
            steps, rest = int(about["steps"]), str(about["feed"]["rest"])
            numbers = np.frombuffer(raw, dtype="<f4").astype(np.float32)
        except (ValueError, KeyError, TypeError):
            steps, rest, numbers = -1, "", np.empty(0, np.float32)
        # A seal keeps off damage, not somebody who makes states up.
        if len(numbers) != state_size + answer_size or not 0 <= steps < 2**63:
            raise StateError(f"This state isn't one of {self.name}'s, though it says so. Use what state() returned.")
        begun = self.network.begin()
        begun.write(numbers[:state_size].copy())
        place = Place(numbers[state_size:].copy(), begun)
        return GenerateSession(self, place, Feed(self.encoder.tokeniser, rest), steps)

    def predict(self, rows: Sequence[Any], *, id: Sequence[str] = (), **options: Any) -> list[Prediction]:
        """What each of several whole texts costs, and what may come next."""
        sessions = [self.stream(id=id, **options) for _ in rows]
        answers = zip(sessions, self.push_many(sessions, read_each(self.read, rows, called="row")), strict=True)
        return [Prediction(answer, self.rows(session, answer)) for session, answer in answers]

    def push_many(self, sessions: Sequence[GenerateSession], xs: Sequence[Any]) -> list[Reading]:
        """Text for each of several sessions."""
        self._check_pairs(sessions, xs)
        if len({id(session) for session in sessions}) != len(sessions):
            raise DataError(f"One of {len(sessions)} sessions was given twice; expected different sessions.")
        texts = read_each(self.read, xs)
        return [session.push(text) for session, text in zip(sessions, texts, strict=True)]

    def spec(self) -> Spec:
        """Text in; pieces with their bits, and likely next ones, out."""
        text = {"type": "string"}
        bits = _pairs("bits", "what it cost, given all before")
        row = {"type": "object", "properties": {"text": text}, "required": ["text"], "additionalProperties": False}
        return Spec(
            push={"anyOf": [text, row]},
            answer={
                "type": "object",
                "properties": {"surprise": bits, "open": bits, "next": _pairs("p", "its probability")},
                "required": ["surprise", "open", "next"],
            },
            options={"type": "object", "properties": {}, "additionalProperties": False},
            columns=("text",),
            id_columns=(),
            example=self.encoder.example,
            whole=True,
        )

    def document(self, answer: Reading) -> dict[str, Any]:
        """Pieces of the push with their bits, those of its open end, and the likeliest next ones."""
        return {
            "surprise": [{"piece": piece, "bits": round(bits, 4)} for piece, bits in answer.surprise],
            "open": [{"piece": piece, "bits": round(bits, 4)} for piece, bits in answer.open],
            "next": [{"piece": piece, "p": round(share, 6)} for piece, share in answer.next],
        }

    def rows(self, session: Session, answer: Reading) -> list[dict[str, Any]]:
        """A row for each piece of the push."""
        return [
            {"step": session.steps, "piece": piece, "bits": bits} for piece, bits in (*answer.surprise, *answer.open)
        ]

    def read(self, x: Any) -> str:
        """The text of a push. DataError for anything else."""
        if isinstance(x, Mapping) and x.keys() == {"text"}:
            x = x["text"]
        if isinstance(x, (list, tuple)) and len(x) == 1:
            x = x[0]
        if not isinstance(x, str):
            raise DataError(f'A push is {x!r}; {self.name} reads text, "..." or {{"text": "..."}}.')
        return x

    def likeliest(self, scores: np.ndarray) -> tuple[tuple[str, float], ...]:
        """The pieces with the largest scores, and their probabilities."""
        shares = np.exp2(log2_shares(scores))
        order = np.argsort(-shares[1:], kind="stable")[:SHOWN] + 1
        return tuple((self.writer.piece(int(code)), float(shares[code])) for code in order)

    def look_inside(
        self, piece: str, place: Place, hold: Mapping[str, float] | None
    ) -> tuple[np.ndarray, tuple[Trace, ...]]:
        """What reading a piece at a place says of the next one, (V,) scores, and what every layer does."""
        code = np.array([[self.writer.code(piece)]], np.float32)
        inputs = {next(iter(self.network.composition.inputs)): code}
        answers, traces = self.network.inside(inputs, place.state, hold=hold)
        return answers[self.network.outputs[0]][0], traces


def _pairs(number: str, about: str) -> dict[str, Any]:
    properties = {"piece": {"type": "string"}, number: {"type": "number", "description": about}}
    return {"type": "array", "items": {"type": "object", "properties": properties, "required": ["piece", number]}}
