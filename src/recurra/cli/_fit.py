from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import recurra
from recurra.bundle import check_destination
from recurra.cli._invocation import invocation
from recurra.cli._output import OutputOptions, Screen
from recurra.cli._scores import print_scores
from recurra.errors import ConfigError
from recurra.runtime import load


def fit_and_report(
    estimator: str,
    data: str,
    given: Mapping[str, Any],
    *,
    out: Path,
    overwrite: bool,
    resume: bool | None,
    png: Path | None,
    output: OutputOptions,
    trial: Sequence[str] | None = None,
) -> None:
    """Fit `recurra.<estimator>(**given)`, save it, and say what was found, chosen, reached and what to do next.

    Whether the result can be saved is checked before any work. The checkpoint lies beside the bundle while training
    runs; with `resume` None there is none. `trial` is what `recurra predict` may be called with next; a flag alone
    takes the model's example.
    """
    folder = check_destination(out, overwrite=overwrite)
    if png is not None and png.resolve().is_relative_to(folder):
        raise ConfigError(f"--png {png} lies inside --out {out}, which holds the bundle alone. Choose another folder.")
    screen = Screen(output)
    checkpoint = None if resume is None else folder.with_name(f"{folder.name}.checkpoint")
    if checkpoint is not None and checkpoint.exists() and not resume and not overwrite:
        raise ConfigError(
            f"{checkpoint} keeps a stopped run. Pass --resume to go on from there, or --overwrite to start again."
        )
    model = getattr(recurra, estimator)(**given)
    model.fit(
        data,
        checkpoint=checkpoint,
        resume=bool(resume),
        progress=output.progress,
        announce=None if output.quiet else partial(_announce, screen),
    )
    model.save(out, overwrite=overwrite)
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    plots = model.plot(png) if png is not None else []
    print_scores(screen, model.scores_)
    screen.say(f"Model   {out}")
    screen.say(f"Report  {out / 'report.html'}")
    for plot in plots:
        screen.say(f"Plot    {plot}")
    trial = trial or (data, "--out", "forecast.csv")
    example = (str(load(out).spec().example).strip(),) if len(trial) == 1 else ()
    screen.remark("")
    screen.remark(f"Next: {invocation('predict', str(out), *trial, *example)}")
    screen.remark(f"      {invocation('evaluate', str(out), 'NEWER-DATA')}")
    screen.document(
        {
            "bundle": str(out),
            "report": str(out / "report.html"),
            "plots": [str(plot) for plot in plots],
            "scores": model.scores_.model_dump(mode="json"),
            "choices": [{"name": name, "value": value, "reason": why} for name, value, why in model.choices_],
            "notes": list(model.notes_),
        }
    )


def _announce(screen: Screen, notes: Sequence[str], choices: Sequence[tuple[str, object, str]]) -> None:
    """What was found in the data and chosen for it, while there is still time to press Ctrl-C."""
    for note in notes:
        screen.say(note)
    screen.say("")
    rows = [(name, f"{value:.4g}" if isinstance(value, float) else str(value), why) for name, value, why in choices]
    screen.table("Chosen", ("option", "value", "reason"), rows)
    screen.say("")
