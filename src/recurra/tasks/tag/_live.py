"""A tagger at work, without torch: what `recurra.runtime.load` gives for bundles of this task."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import ValidationError

from recurra.blocks import Composition, Crf
from recurra.bundle import Bundle
from recurra.data.text import Encoder
from recurra.errors import BundleError, ConfigError, DataError, StateError
from recurra.runtime import Model, Network, Prediction, Session, Spec, check_alone, read_each, unseal
from recurra.tasks.tag._labels import Labels
from recurra.tasks.tag._live_decoding import best_paths, moves
from recurra.tasks.tag._live_session import TagSession, push_together
from recurra.tasks.tag._live_state import RECENT, unpack

_MOST_STEPS = 1024  # words of one run of the network: what fits into the cache
_LONGEST = 1000  # words of a sentence that are tagged as a whole
_WORD = {"type": "object", "properties": {"word": {"type": "string"}, "tag": {"type": "string"}}}


def open_tagger(bundle: Bundle) -> LiveTagger:
    """Load a tagger to run it. BundleError where its parts don't fit together."""
    return LiveTagger(bundle)


class LiveTagger(Model):
    """A tagger of whole sentences, whichever way it reads; one way it has sessions too, which tag text as it comes."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        try:
            inputs = dict(bundle.manifest.inputs)
            self.composition = Composition.model_validate(bundle.manifest.network)
            self.encoder = Encoder.model_validate_json(bundle.read("preprocessing.json"))
            self.labels = Labels.model_validate(inputs["labels"])
            self.column, self.layout = str(inputs["column"]), str(inputs["layout"])
            weights = bundle.quantised()
            self.network = Network(self.composition, weights)
            (crf,) = (block for block in self.composition.branches[-1].blocks if isinstance(block, Crf))
            name = f"chains.{self.composition.branches[-1].name}.0.transitions"
            self.moves = moves(_plain(weights[name]), crf.forbidden)
            if self.encoder.widths != self.composition.inputs or len(self.moves) != len(self.labels.names):
                raise ValueError("words and network differ")
        except (ValidationError, KeyError, ValueError, TypeError) as error:
            raise BundleError(
                f"{bundle.path} is whole, but its content does not fit together ({type(error).__name__}). It may come "
                "from another version of recurra; fit the model again."
            ) from error
        self.inputs = tuple(self.composition.inputs)

    def __repr__(self) -> str:
        return f"<Tagger {self.name!r}, {len(self.labels.names)} labels>"

    def tags(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The tags of sentences, given as words. Sentences of one length are tagged together."""
        found: list[list[str]] = [[] for _ in sentences]
        for places, codes in self._tag(sentences):
            for place, row in zip(places, codes.tolist(), strict=True):
                found[place] += self.labels.write(self.labels.tags(row))
        return found

    def _tag(self, sentences: Sequence[Sequence[str]]) -> Iterator[tuple[list[int], np.ndarray]]:
        """Places of sentences and their labels (B, T); of a longer one, piece by piece from its beginning."""
        by_length: defaultdict[int, list[int]] = defaultdict(list)
        for place, words in enumerate(sentences):
            if len(words) <= _LONGEST:
                by_length[len(words)].append(place)
            else:
                for start in range(0, len(words), _LONGEST):
                    piece = words[start : start + _LONGEST]
                    yield [place], self._labels([piece])
        for length, places in by_length.items():
            size = max(1, _MOST_STEPS // max(length, 1))
            for start in range(0, len(places), size):
                chosen = places[start : start + size]
                if length:
                    yield chosen, self._labels([sentences[place] for place in chosen])

    def _labels(self, sentences: Sequence[Sequence[str]]) -> np.ndarray:
        """The labels (B, T) of sentences of one length."""
        count = len(sentences[0])
        encoded = self.encoder.encode([word for words in sentences for word in words])
        inputs = {
            name: encoded[name].astype(np.float32).reshape(len(sentences), count, width)
            for name, width in self.composition.inputs.items()
        }
        (paths,) = self.network.run(inputs).values()
        return best_paths(paths, self.moves, self.labels.forbidden_last)

    def stream(self, *, id: Sequence[str] = (), **options: Any) -> TagSession:
        """A session at the beginning of a text. ConfigError for a model that reads both ways."""
        if self.obstacle:
            raise ConfigError(self.obstacle)
        check_alone(self.name, id, options)
        return TagSession(self)

    def restore(self, state: bytes) -> TagSession:
        """The session that gave these bytes."""
        session = self.stream()
        try:
            unpack(session, unseal(self.fingerprint, state))
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, StateError):
                raise
            raise StateError(
                f"This state isn't one of {self.name}'s, though it says so. Begin a new session."
            ) from error
        return session

    @property
    def obstacle(self) -> str:
        """Why there are no sessions; empty where there are."""
        if not self.composition.obstacles():
            return ""
        return (
            f"{self.name} reads sentences both ways, so it can't tag them word by word. Fit one that can with "
            "--no-bidirectional; recurra predict tags whole files with this one."
        )

    def predict(self, rows: Sequence[Any], *, id: Sequence[str] = (), **options: Any) -> list[Prediction]:
        """The tags of whole texts, one for each row; each line of a text is a sentence."""
        check_alone(self.name, id, options)
        texts = read_each(self.read, rows, called="row")
        lines = [[self.encoder.tokeniser.pieces(line) for line in text.split("\n")] for text in texts]
        tags = iter(self.tags([words for text in lines for words in text]))
        found = []
        for text in lines:
            pairs = [(word, tag) for words in text for word, tag in zip(words, next(tags), strict=True)]
            words = [{"word": word, "tag": tag} for word, tag in pairs]
            found.append(
                Prediction({"words": words, "recent": words[-RECENT:], "open": 0}, [dict(word) for word in words])
            )
        return found

    def push_many(self, sessions: Sequence[TagSession], xs: Sequence[Any]) -> list[dict[str, Any]]:
        """One push to each of many sessions; their words are stepped together."""
        self._check_pairs(sessions, xs)
        return push_together(self, sessions, read_each(self.read, xs))

    def read(self, x: Any) -> str:
        """The text of a push. DataError for anything else."""
        if isinstance(x, Mapping) and x.keys() == {"text"}:
            x = x["text"]
        if isinstance(x, (list, tuple)) and len(x) == 1:
            x = x[0]
        if not isinstance(x, str):
            raise DataError(f"A push is {x!r}; {self.name} takes text, a chunk of any length.")
        return x

    def encode(self, words: Iterable[str]) -> list[np.ndarray]:
        """Words as the network takes them, (N, width) each."""
        encoded = self.encoder.encode(list(words))
        return [np.ascontiguousarray(encoded[name], np.float32) for name in self.inputs]

    def spec(self) -> Spec:
        """Text in, words with their tags out."""
        words = {"type": "array", "items": _WORD}
        text = {"type": "string"}
        several = {"type": "object", "properties": {"text": text}, "required": ["text"], "additionalProperties": False}
        return Spec(
            push={"anyOf": [text, several]},
            answer={
                "type": "object",
                "properties": {"words": words, "recent": words, "open": {"type": "integer"}},
                "required": ["words", "recent", "open"],
            },
            options={"type": "object", "properties": {}, "additionalProperties": False},
            columns=("text",),
            id_columns=(),
            example=self.encoder.example,
            whole=True,
            obstacle=self.obstacle,
        )

    def document(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer, which is JSON data as it is."""
        return answer

    def rows(self, session: Session, answer: dict[str, Any]) -> list[dict[str, Any]]:
        """A row for each word that became complete."""
        return [dict(word) for word in answer["words"]]


def _plain(stored: Any) -> np.ndarray:
    """Weights as numbers, also where they are stored as integers and scales."""
    return stored[0] * stored[1][:, None] if isinstance(stored, tuple) else stored
