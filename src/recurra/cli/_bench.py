from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.types import PositiveInt

from recurra.cli._output import PLAIN, Output, OutputOptions, Screen
from recurra.errors import ConfigError, RecurraError


def bench(
    *,
    quick: Annotated[bool, Parameter(help="A few configurations, in about a minute.", negative=())] = False,
    stream: Annotated[
        bool, Parameter(help="Instead: what models cost while they stream, and what is wanted.", negative=())
    ] = False,
    cells: Annotated[str, Parameter(help="Of rnn, gru and lstm, those to measure.")] = "rnn,gru,lstm",
    sections: Annotated[
        str, Parameter(help="Of forward, training, step, lengths and bf16, those to measure.")
    ] = "forward,training,step,lengths,bf16",
    only: Annotated[str | None, Parameter(help="Sizes to measure, such as T100-B32-I64-H64. Default: all.")] = None,
    peers: Annotated[str, Parameter(help="Whom to measure beside recurra, where installed.")] = (
        "torch,onnxruntime,openvino,jax"
    ),
    threads: Annotated[PositiveInt | None, Parameter(help="Threads for each. Default: torch's number.")] = None,
    repeat: Annotated[PositiveInt, Parameter(help="Measure everything so many times; the bar lists each.")] = 1,
    html: Annotated[Path | None, Parameter(help="Write a page with picture and tables to this file.")] = None,
    plot: Annotated[Path | None, Parameter(help="Write the picture to this file, .png or .svg.")] = None,
    output: Output = PLAIN,
) -> None:
    """Measure recurra beside torch and other runtimes."""
    if stream:
        return _bench_streams(output)
    from recurra.bench import (
        QUICK_ROUNDS,
        ROUNDS,
        bar_table,
        grid,
        mean_table,
        remarks,
        render_page,
        run_bench,
        save_picture,
        speed_tables,
        to_document,
    )

    _check_destinations(html, plot)
    screen = Screen(output)
    cases = grid(cells=_listed(cells), sections=_listed(sections), only=_listed(only or ""), quick=quick)
    with _Progress(quiet=output.quiet) as progress:
        report = run_bench(
            cases,
            peers=_listed(peers),
            threads=threads,
            rounds=QUICK_ROUNDS if quick else ROUNDS,
            repeat=repeat,
            announce=progress,
        )
    about = [(name, ", ".join(f"{key} {value}" for key, value in its.items())) for name, its in report.peers.items()]
    screen.table(f"{report.machine['processor']}, {report.machine['cores']} cores", ("", ""), about)
    for table in (*speed_tables(report), mean_table(report), bar_table(report)):
        screen.say("")
        screen.table(*table)
    screen.say("")
    for remark in remarks(report):
        screen.say(remark)
    if html is not None:
        html.write_text(render_page(report), encoding="utf-8")
        screen.say(f"Page  {html}")
    if plot is not None:
        save_picture(report, plot)
        screen.say(f"Plot  {plot}")
    screen.document(to_document(report))
    _refuse_failures(report.failures)


def _bench_streams(output: OutputOptions) -> None:
    from recurra.bench import run_streams, stream_document, stream_table

    screen = Screen(output)
    with _Progress(quiet=output.quiet) as progress:
        report = run_streams(announce=progress)
    screen.say(f"{report.machine['processor']}, {report.machine['cores']} cores")
    screen.say("")
    screen.table(*stream_table(report))
    if report.is_busy:
        screen.say("")
        screen.say(
            f"Other programs kept the machine busy (load {report.load:.1f} before the start), so the numbers say "
            "little. Measure again when it is quiet."
        )
    screen.document(stream_document(report))
    _refuse_failures(report.failures)


def _refuse_failures(failures: Mapping[str, str]) -> None:
    if failures:
        where, reason = next(iter(failures.items()))
        raise RecurraError(
            f"{len(failures)} of the results were wrong or missing, such as {where}: {reason}. Their "
            "speed isn't shown. Run recurra doctor, and report this if it concerns recurra itself."
        )


def _check_destinations(html: Path | None, plot: Path | None) -> None:
    """Whether results can be written, before minutes of work."""
    for path in (html, plot):
        if path is not None and not path.parent.is_dir():
            raise ConfigError(f"{path.parent}: no such folder. Make it first, or choose another for {path.name}.")
    if plot is not None and plot.suffix not in (".png", ".svg"):
        raise ConfigError(f"--plot {plot} was given. Choose a name that ends in .png or .svg.")


def _listed(names: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",") if name.strip())


class _Progress:
    """What is being measured: a bar on a terminal, lines otherwise, always on stderr."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet, self._bar, self._task = quiet, None, None

    def __enter__(self) -> _Progress:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self._bar: Any = Progress(console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task("starting")
            self._bar.start()
        return self

    def __call__(self, done: int, total: int, what: str) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total, description=what)
        elif not self._quiet:
            print(f"{done + 1}/{total} {what}", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
