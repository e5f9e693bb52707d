from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

import recurra
from recurra.cli._output import PLAIN, Output, OutputOptions, Screen


def compress(
    bundle: Annotated[Path, Parameter(help="Folder that `recurra fit` wrote.")],
    data: Annotated[
        str | None, Parameter(help="Data to fine-tune and to measure on, best the one that it was fitted on.")
    ] = None,
    /,
    *,
    out: Annotated[Path, Parameter(help="Folder to save the smaller model in.")],
    int8: Annotated[bool, Parameter(help="Store matrices as int8 with a scale for each row.", negative=())] = False,
    prune: Annotated[float | None, Parameter(help="Share of the weights, the smallest, to set to 0.")] = None,
    accept_loss: Annotated[
        bool, Parameter(help="Save even a model whose score falls by more than 1 %.", negative=())
    ] = False,
    overwrite: Annotated[bool, Parameter(help="Replace the model that --out holds.", negative=())] = False,
    output: Output = PLAIN,
) -> None:
    """Compress a saved model."""
    from recurra.export import compress as shrink

    screen = Screen(output)
    task = None if data is None else _task(data, output)
    made = shrink(bundle, out, int8=int8, prune=prune, task=task, accept_loss=accept_loss, overwrite=overwrite)
    before, after = made.before, made.after
    rows = [
        ["weights, bytes", f"{before.bytes:,}", f"{after.bytes:,}", f"{before.bytes / after.bytes:.2f} times smaller"],
        ["zeros", f"{before.zeros:.1%}", f"{after.zeros:.1%}", ""],
        [
            f"{made.timed}, µs",
            f"{before.microseconds:.1f}",
            f"{after.microseconds:.1f}",
            f"{after.microseconds / before.microseconds:.2f} of the time",
        ],
    ]
    if before.scores is not None:
        rows += [
            [name, f"{old:.5g}", f"{new:.5g}", _change(old, new, larger=name in before.scores.larger_is_better)]
            for name, old in before.scores.metrics.items()
            if old is not None and (new := after.scores.metrics[name]) is not None
        ]
    screen.table("Compressed", ["", "before", "after", ""], rows)
    if data is None:
        screen.say("The score was not measured: no DATA was given.", style="yellow")
    screen.say(f"Model   {out}")
    screen.document({"bundle": str(bundle), "out": str(out), "before": _side(before), "after": _side(after)})


def _change(old: float, new: float, *, larger: bool) -> str:
    """By how much of itself a metric changed, and whether that is good."""
    if old == new or not old:
        return "" if old == new else f"{new - old:+.2g}"
    change = f"{new / old - 1:+.2%}"
    if float(change[:-1]) == 0:
        return ""
    return f"{change}, {'better' if (new > old) == larger else 'worse'}"


def _task(data: str, output: OutputOptions) -> Any:
    from recurra.export import Task

    def measure(path: Path) -> tuple[Any, float]:
        model = recurra.load(path)
        scores = model.evaluate(data)
        return scores, model.headline(scores)

    def tune(pruned: Path, tuned: Path) -> None:
        recurra.load(pruned).fine_tune(data, keep_zeros=True, progress=output.progress).save(tuned)

    return Task(measure, tune)


def _side(side: Any) -> dict[str, Any]:
    return {
        "bytes": side.bytes,
        "zeros": side.zeros,
        "microseconds": side.microseconds,
        "metrics": None if side.scores is None else dict(side.scores.metrics),
    }
