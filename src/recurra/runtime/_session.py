from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np

from recurra.bundle import Bundle
from recurra.errors import ConfigError, DataError

LOOKED_AT = 48  # the last steps of a push of several, such as words, whose inside is shown


@dataclass(frozen=True, eq=False)
class Trace:
    """What went on inside one recurrent layer during one computation of T steps."""

    branch: str
    layer: int
    cell: str
    gates: tuple[str, ...]  # G letters in the order of the weights: i f g o; r z n; a of an RNN
    values: np.ndarray  # (T, G, H) each gate after its squashing function
    hidden: np.ndarray  # (T, H)
    memory: np.ndarray | None  # (T, H) of an LSTM


@dataclass(frozen=True, eq=False)
class Inside:
    """An answer, and what every recurrent layer did on the way to it."""

    answer: Any
    traces: tuple[Trace, ...]
    labels: tuple[str, ...] = ()  # what each of the T steps read, where they have names, such as words
    open: int = 0  # how many steps at the end may still change with what comes next


def in_a_row(parts: Sequence[Sequence[Trace]]) -> tuple[Trace, ...]:
    """The traces of computations that follow each other, as those of one."""
    return tuple(
        replace(
            same[0],
            values=np.concatenate([trace.values for trace in same]),
            hidden=np.concatenate([trace.hidden for trace in same]),
            memory=None if same[0].memory is None else np.concatenate([_memory(trace) for trace in same]),
        )
        for same in zip(*parts, strict=True)
    )


def _memory(trace: Trace) -> np.ndarray:
    assert trace.memory is not None
    return trace.memory


def read_each(read: Callable[[Any], Any], xs: Iterable[Any], *, called: str = "push") -> list[Any]:
    """What `read` makes of each of several. DataError that says which one it can't read."""
    found = []
    for place, x in enumerate(xs):
        try:
            found.append(read(x))
        except DataError as error:
            raise DataError(f"{called} {place}: {error}") from error
    return found


def check_alone(name: str, id: Sequence[str], options: Mapping[str, Any]) -> None:
    """ConfigError for a name or options, given to a model that follows one kind of sequence in one way."""
    if id or options:
        given = ", ".join([*(["id"] if id else []), *options])
        raise ConfigError(f"{given}: {name} has no such option; it streams one kind of sequence.")


class Piece(NamedTuple):
    """A piece of text that a model wrote or read, and the bits it cost: -log2 of the probability that the model gave
    it."""

    text: str
    bits: float


class Prediction(NamedTuple):
    """What a model says of a whole sequence, and the same as rows of a table."""

    answer: Any
    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class Spec:
    """What a model reads and says, as JSON Schemas; a server's form, and documentation."""

    push: dict[str, Any]
    answer: dict[str, Any]
    options: dict[str, Any]  # what `Model.stream` takes besides `id`
    columns: tuple[str, ...]  # of a push that comes as a row without a header, in this order
    id_columns: tuple[str, ...]  # whose values name a sequence
    example: Any  # of a push
    whole: bool = False  # a row given to `Model.predict` is a whole text, answered by itself
    obstacle: str = ""  # why there are no sessions; empty where there are


class Session(ABC):
    """One sequence that a model follows step by step. Its memory never grows.

    Two threads may use two sessions at once, not one.
    """

    model: Model
    steps: int  # pushes since the sequence began

    def __repr__(self) -> str:
        return f"<session of {self.model.name!r}, {self.steps} steps>"

    @property
    def options(self) -> Mapping[str, Any]:
        """What `Model.stream` was asked for besides `id`, or settled on."""
        return {}

    @abstractmethod
    def push(self, x: Any) -> Any:
        """Take in the next step and give the model's answer. DataError for what isn't a step; nothing has changed then.

        What `x` and the answer are is the model's affair: see `Model.spec`.
        """

    def observe(self, x: Any) -> None:
        """Take in the next step without asking for an answer."""
        self.push(x)

    @abstractmethod
    def state(self) -> bytes:
        """All there is to this session, for `Model.restore`, here or in another process: its numbers and a seal."""

    @abstractmethod
    def fork(self) -> Self:
        """A session that stands where this one does and goes its own way."""

    @abstractmethod
    def reset(self) -> None:
        """Back to the beginning of a sequence."""

    @abstractmethod
    def inside(self, x: Any = None, *, hold: Mapping[str, float] | None = None) -> Inside:
        """What a push of `x` would say, seen from within; the session doesn't move.

        `hold` fixes gates by letter, {"f": 0.0} shuts the forget gate of all layers, {"encoder.0.f": 0.0} that of one
        ("branch.layer.gate"). Of a push of several steps each of the last `LOOKED_AT` is seen, and a gate is held in
        each of them alone, not in those before it. Without `x`: the computation behind the last answer, where the model
        keeps what it needs for that; otherwise DataError.
        """

    def generate(
        self, steps: int, *, temperature: float = 1.0, seed: int | None = None, top_k: int = 0, top_p: float = 1.0
    ) -> Iterator[Any]:
        """Go on by itself: each step's answer is drawn from and pushed. ConfigError where the model can't.

        For what options do see `recurra.runtime.generate_codes`.
        """
        raise ConfigError(f"{self.model.name} ({self.model.task}) answers, but doesn't generate.")

    def write(
        self,
        steps: int,
        *,
        temperature: float = 1.0,
        seed: int | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: str | Sequence[str] | None = None,
    ) -> Iterator[Piece]:
        """Go on by itself in text, up to one of the strings `stop`. ConfigError where the model can't."""
        raise ConfigError(f"{self.model.name} ({self.model.task}) doesn't write text.")


class Model(ABC):
    """A bundle, loaded to run without torch."""

    bundle: Bundle
    generates: bool = False  # whether its sessions can go on by themselves
    writes: bool = False  # whether they do it in text, by `Session.write`

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.bundle.path.resolve().name

    @property
    def task(self) -> str:
        """What it was trained for."""
        return self.bundle.manifest.task

    @property
    def fingerprint(self) -> bytes:
        """16 bytes that differ for any two bundles; states belong to one."""
        return bytes.fromhex(self.bundle.manifest.checksum)[:16]

    @abstractmethod
    def stream(self, *, id: Sequence[str] = (), **options: Any) -> Session:
        """A session at the beginning of a sequence; `id` are its values of `Spec.id_columns`, where there are any."""

    @abstractmethod
    def restore(self, state: bytes) -> Session:
        """The session that gave these bytes. StateError for bytes of another model, damaged or truncated."""

    def predict(self, rows: Sequence[Any], *, id: Sequence[str] = (), **options: Any) -> list[Prediction]:
        """The answer to a whole sequence, given step by step; where `Spec.whole`, one to each row, which is a text."""
        session = self.stream(id=id, **options)
        for row in rows[:-1]:
            session.observe(row)
        answer = session.push(rows[-1])
        return [Prediction(answer, self.rows(session, answer))]

    @abstractmethod
    def push_many(self, sessions: Sequence[Any], xs: Sequence[Any]) -> list[Any]:
        """One push to each of many sessions at once: the same answers, sooner.

        DataError for the first push that isn't a step, by its place; no session has moved then.
        """

    def _check_pairs(self, sessions: Sequence[Any], xs: Sequence[Any]) -> None:
        """DataError unless there is a list of sessions, and one of as many pushes."""
        if not isinstance(sessions, (list, tuple)) or not isinstance(xs, (list, tuple, np.ndarray)):
            raise DataError(
                f"push_many was given {type(sessions).__name__} and {type(xs).__name__}; expected a list of sessions "
                "and a list of pushes. One session alone takes push(x)."
            )
        if len(sessions) != len(xs):
            raise DataError(f"{len(sessions)} sessions and {len(xs)} pushes were given; give one push for each.")

    @abstractmethod
    def spec(self) -> Spec:
        """What it reads and says."""

    @abstractmethod
    def document(self, answer: Any) -> dict[str, Any]:
        """An answer as JSON data."""

    @abstractmethod
    def rows(self, session: Session, answer: Any) -> list[dict[str, Any]]:
        """An answer as the rows of a table, with the sequence's name."""
