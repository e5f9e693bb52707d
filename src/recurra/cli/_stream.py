from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter
from cyclopts.types import PositiveFloat, PositiveInt

from recurra.cli._files import check_new_file
from recurra.cli._lines import Lines
from recurra.cli._output import ConfigFile, Quiet, Seed
from recurra.cli._rows import RowReader
from recurra.cli._stream_answers import Answers
from recurra.cli._stream_complaints import Complaints, say
from recurra.cli._stream_ending import Ending, Keeper
from recurra.cli._stream_sessions import Sessions
from recurra.errors import ConfigError, DataError
from recurra.runtime import Spec, load

_INPUT, _ANSWERS, _STATE, _MODEL = (
    Group(name, sort_key=place) for place, name in enumerate(("Input", "Answers", "State", "Model"))
)


def stream(
    bundle: Annotated[Path, Parameter(help="Folder that `recurra fit` wrote.")],
    /,
    *,
    form: Annotated[
        Literal["auto", "json", "csv", "values", "text"],
        Parameter(name="--format", help="What a line is; auto judges by the first one.", group=_INPUT),
    ] = "auto",
    ids: Annotated[
        str | None, Parameter(name="--id", help="Columns that say whose a row is, such as shop,item.", group=_INPUT)
    ] = None,
    columns: Annotated[
        str | None, Parameter(help="Names of the values of a line, where the input has no header.", group=_INPUT)
    ] = None,
    continuous: Annotated[
        bool | None,
        Parameter(
            help="Of texts: lines go on one text; otherwise each is one. Default: on for language models alone.",
            group=_INPUT,
        ),
    ] = None,
    history: Annotated[
        Path | None, Parameter(help="File of earlier rows: taken in first, not answered.", group=_INPUT)
    ] = None,
    limit_sessions: Annotated[PositiveInt, Parameter(help="Sequences at once.", group=_INPUT)] = 10_000,
    strict: Annotated[bool, Parameter(help="Stop at the first bad line.", negative=(), group=_INPUT)] = False,
    answers: Annotated[
        Literal["json", "csv"], Parameter(name="--output", help="An answer as a JSON line, or as rows.", group=_ANSWERS)
    ] = "json",
    latest: Annotated[
        bool,
        Parameter(help="Of rows that have come together, answer the last of each id.", negative=(), group=_ANSWERS),
    ] = False,
    warn_drift: Annotated[
        PositiveFloat, Parameter(help="Warn when errors are so many times those of the test part.", group=_ANSWERS)
    ] = 2.0,
    state: Annotated[
        Path | None, Parameter(help="File to go on from, if it's there, and to keep the place in.", group=_STATE)
    ] = None,
    save_every: Annotated[PositiveFloat, Parameter(help="Seconds between saves of --state.", group=_STATE)] = 30.0,
    adapt: Annotated[
        bool | None, Parameter(help="Keep intervals calibrated as truths arrive. Default: the model's.", group=_MODEL)
    ] = None,
    learn: Annotated[
        bool | None, Parameter(help="Fine-tune the model's head as truths arrive. Default: the model's.", group=_MODEL)
    ] = None,
    seed: Seed = None,
    quiet: Quiet = False,
    config: ConfigFile = None,
) -> None:
    """Answer lines of stdin as they come."""
    del config  # which has been read by now
    if state is not None:
        check_new_file(state, overwrite=True)
    if sys.stdin is None:
        raise ConfigError("stdin is closed. Send rows into it, as in: tail -f rows.csv | recurra stream MODEL")
    model = load(bundle)
    spec = model.spec()
    remark = say if not quiet else lambda text: None
    if continuous is not None and not spec.whole:
        raise ConfigError(f"--continuous is for models of texts, and {model.name} takes rows. Leave it out.")
    alone = spec.whole and not (model.writes if continuous is None else continuous)
    _check_places(spec, alone=alone, state=state, history=history)

    def reader(source: str = "") -> RowReader:
        named = {"ids": _listed(ids), "columns": _listed(columns)}
        return RowReader(spec, form=form, source=source, ends=not alone, remark=remark, **named)

    rows = reader()
    options = _options(model.name, spec.options, adapt=adapt, learn=learn, seed=seed)
    sessions = Sessions(model, rows.ids, options, limit=limit_sessions)
    complaints = Complaints(strict=strict, remark=remark)
    printer = Answers(sessions, complaints, as_csv=answers == "csv", latest=latest, alone=alone, drift=warn_drift)
    if state is not None and state.exists():
        sessions.restore(state)
    elif history is not None:
        _take_in(history, printer, reader(str(history)))
    printer.resume()
    keeper = Keeper(sessions, state, save_every, say)
    with Ending() as ending:
        lines = Lines(sys.stdin.fileno(), ending.descriptor)
        try:
            while (came := lines.wait(_sooner(keeper.seconds, complaints.seconds))) is not None:
                printer.take(came, rows)
                if not came:
                    complaints.sum_up()
                keeper.pass_by(came=bool(came))
        finally:
            complaints.sum_up()
            if not ending.at_once:
                keeper.save()
    if not quiet or complaints.is_cut_short:
        sequences = () if alone else ((len(sessions), "sequence"),)
        counts = ((rows.lines, "line"), *sequences, (complaints.bad, "bad line"))
        say(", ".join(f"{count} {name}{'' if count == 1 else 's'}" for count, name in counts))
    if ending.received == signal.SIGINT:
        raise KeyboardInterrupt
    if ending.received is None and complaints.bad and not (printer.used or complaints.passed):
        raise DataError("No line could be used. The first reports above say why; mend the input, or see --format.")


def _check_places(spec: Spec, *, alone: bool, state: Path | None, history: Path | None) -> None:
    """ConfigError for what can't be followed step by step, and for what has no place to keep or to begin at."""
    if spec.obstacle and not alone:
        raise ConfigError(spec.obstacle)
    for flag, path in (("--state", state), ("--history", history)):
        if alone and path is not None:
            raise ConfigError(
                f"{flag} {path}: each line is a text of its own here, so nothing goes on from one to the next. Leave "
                f"{flag} out, or pass --continuous."
            )


def _take_in(history: Path, printer: Answers, reader: RowReader) -> None:
    try:
        with history.open("rb") as file:
            lines = Lines(file.fileno())
            while (came := lines.wait()) is not None:
                printer.take(came, reader, silently=True)
    except OSError as error:
        raise ConfigError(f"--history {history}: {error.strerror}. Give a file of earlier rows.") from error
    if not printer.used:
        raise ConfigError(f"--history {history}: no line of it could be used. Give a file of earlier rows.")
    printer.used = 0


def _sooner(*seconds: float | None) -> float | None:
    return min((each for each in seconds if each is not None), default=None)


def _options(name: str, known: dict[str, Any], *, seed: int | None, **given: bool | None) -> dict[str, Any]:
    """What of the flags `Model.stream` is given; a seed only where something is drawn."""
    properties = known.get("properties", {})
    chosen = {option: value for option, value in given.items() if value is not None}
    for option in chosen:
        if option not in properties:
            raise ConfigError(f"--{option} was given, which {name} doesn't have. Leave it out.")
    return chosen | ({"seed": seed} if seed is not None and "seed" in properties else {})


def _listed(names: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (names or "").split(",") if name.strip())
