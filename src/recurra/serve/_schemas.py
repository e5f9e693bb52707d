from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

# Places that depend on the models being served; `_openapi.py` writes the models' own schemas there.
Push = Annotated[Any, Field(json_schema_extra={"x-recurra": "Push"})]
Answer = Annotated[Any, Field(json_schema_extra={"x-recurra": "Answer"})]
Options = Annotated[dict[str, Any], Field(json_schema_extra={"x-recurra": "Options"})]
# JSON knows one kind of number: 5.0 is an integer there.
_WHOLE = BeforeValidator(lambda n: int(n) if isinstance(n, float) and n.is_integer() else n)
Whole = Annotated[int, _WHOLE]
Seed = Annotated[int, Field(ge=0, lt=2**63), _WHOLE]  # its limits inside, or the schema loses them
TopK = Annotated[int, Field(ge=1, lt=2**31), _WHOLE]
TopP = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Stop = Annotated[str, Field(min_length=1, max_length=200)]
Hold = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PredictBody(_Asked):
    """A whole sequence, oldest step first; or whole texts, for a model whose spec says `whole`."""

    rows: list[Push] = Field(
        min_length=1, description="Steps, oldest first, each as a push; of a model of texts each row is a text."
    )
    id: list[str] = Field(
        default=[], description="Values of the id columns that name the sequence, where there are any."
    )
    options: Options = {}


class SessionBody(_Asked):
    """How a session begins."""

    id: list[str] = Field(
        default=[], description="Values of the id columns that name the sequence, where there are any."
    )
    options: Options = {}
    rows: list[Push] = Field(default=[], description="Steps that came before, oldest first.")


class PushBody(_Asked):
    """One step as `x`, or several as `xs`."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    x: Push = None
    xs: list[Push] = Field(default_factory=list, min_length=1, description="Steps in order: all are taken in, or none.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("send either x, one step, or xs, a list of steps")
        return self


class InsideBody(_Asked):
    """What to look at from within."""

    x: Push = None
    hold: dict[str, Hold] = Field(default={}, description="Gates to hold at a value, such as f or encoder.0.f.")


class GenerateBody(_Asked):
    """How to go on without pushes."""

    steps: Whole = Field(default=100, ge=1, le=100_000, description="Steps to generate.")
    temperature: float = Field(
        default=1.0, ge=0, le=100, allow_inf_nan=False, description="0 takes the likeliest; 1 draws."
    )
    seed: Seed | None = Field(default=None, description="Two runs with one seed give the same.")
    top_k: TopK | None = Field(default=None, description="Draw from so many likeliest ones.")
    top_p: TopP | None = Field(default=None, description="Draw from the likeliest that have this share together.")
    stop: list[Stop] = Field(default=[], max_length=8, description="Texts to end before, of a model that writes text.")


class ProblemDocument(BaseModel):
    """Why there is no answer."""

    error: str = Field(description="A sentence for people.")
    code: str = Field(description="A word for programs.")


class ModelCard(BaseModel):
    """A model: what it was trained on, and how well it does beside simple methods."""

    name: str
    task: str
    fingerprint: str
    scores: dict[str, Any]
    verdict: Any
    generates: bool
    inputs: dict[str, Any]
    config: dict[str, Any]
    data_digest: str
    versions: dict[str, str]
    network: dict[str, Any]


class ModelList(BaseModel):
    """The models that are served."""

    models: list[ModelCard]


class SpecDocument(BaseModel):
    """What a model reads and says, as JSON Schemas."""

    push: dict[str, Any]
    answer: dict[str, Any]
    options: dict[str, Any]
    columns: list[str]
    id_columns: list[str]
    example: Any
    whole: bool = Field(description="Whether each row given to `predict` is a whole text, answered by itself.")
    obstacle: str = Field(description="Why there are no sessions; empty where there are.")


class Prediction(BaseModel):
    """What follows a sequence, or what is said of each of several texts."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 2, "maxProperties": 2})

    answer: Answer = Field(default=None, description="Of a sequence.")
    answers: list[Answer] = Field(default=[], description="Of texts, one for each row.")
    rows: list[dict[str, Any]] = Field(description="The same as rows of a table; `row` counts the texts from 0.")


class SessionDocument(BaseModel):
    """An open session."""

    session: str = Field(description="Its name. Whoever knows it can use the session.")
    model: str
    steps: int = Field(description="Pushes since the sequence began.")
    created: float = Field(description="When it was opened: seconds since 1970.")
    answer: Answer = Field(default=None, description="The last answer, where there is one.")


class StepDocument(BaseModel):
    """The answer to a push."""

    step: int
    answer: Answer


class TraceDocument(BaseModel):
    """One recurrent layer during one computation of T steps, G gates and H units."""

    branch: str
    layer: int
    cell: str
    gates: list[str]
    values: list[list[list[float | None]]] = Field(description="(T, G, H)")
    hidden: list[list[float | None]] = Field(description="(T, H)")
    memory: list[list[float | None]] | None = Field(description="(T, H) of an LSTM")


class InsideDocument(BaseModel):
    """What a push would say, seen from within."""

    answer: Answer
    traces: list[TraceDocument]
    labels: list[str] = Field(description="What each of the T steps read, where they have names, such as words.")
    open: int = Field(description="How many steps at the end may still change with what comes next.")


class Reloaded(BaseModel):
    """What came of reading a bundle again."""

    model: str
    changed: bool
    fingerprint: str


class Health(BaseModel):
    """That it's there."""

    status: str


class Deleted(BaseModel):
    """A session that isn't any more."""

    deleted: str
