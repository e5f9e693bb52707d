from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from recurra.bench._case import Case
from recurra.bench._check import Deviation
from recurra.bench._machine import describe_machine
from recurra.bench._peers import OURS, PEERS, Source, find_peers
from recurra.bench._pipe import Worker, WorkerFailed
from recurra.bench._results import Measurement, Report, Run, Timing

ROUNDS, QUICK_ROUNDS = 9, 5
ROUND_SECONDS = 0.025
MOST_REPETITIONS = 1000
PEAK_SECONDS = 0.05
TRUTH = "recurra.bench._truth:Truth"

Announce = Callable[[int, int, str], None]


def run_bench(
    cases: Sequence[Case],
    *,
    peers: Sequence[str] = PEERS,
    threads: int | None = None,
    rounds: int = ROUNDS,
    repeat: int = 1,
    announce: Announce = lambda done, total, what: None,
) -> Report:
    """Measure every case by ours and by those of the peers that are installed, all of it `repeat` times.

    `threads` is torch's own number if None. `announce` is told before each case how many are done, of how many, and
    what comes.
    """
    found, lacking = find_peers(peers)
    sources = [source for source in found if any(source.can(case) for case in cases)]
    if threads is None:
        import torch

        threads = torch.get_num_threads()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    runs, about, restless = [], {}, []
    for time in range(repeat):
        with ExitStack() as stack:
            workers = {source: stack.enter_context(Worker(source.home, threads)) for source in sources}
            truth = stack.enter_context(Worker(TRUTH, threads))
            about = {source.name: worker.ask("about") for source, worker in workers.items()}
            ours = next(worker for source, worker in workers.items() if source.name == OURS)
            peak, measurements = 0.0, []
            for place, case in enumerate(cases, start=time * len(cases)):
                announce(place, repeat * len(cases), str(case))
                measurements.append(measure(case, workers, truth, rounds=rounds))
                # All along, since a processor's clock changes with its heat; the most is what shares are taken of.
                peak = max(peak, ours.ask("peak", seconds=PEAK_SECONDS))
            runs.append(Run(tuple(measurements), peak))
            restless += [source.name for source, worker in workers.items() if worker.restless]
    return Report(describe_machine(), load, threads, about, lacking, tuple(dict.fromkeys(restless)), tuple(runs))


def measure(case: Case, workers: Mapping[Source, Worker], truth: Worker, *, rounds: int) -> Measurement:
    """One case: prepare all at once, check each, then time one after the other, round by round, and check again."""
    able = {source.name: worker for source, worker in workers.items() if source.can(case)}
    failures: dict[str, str] = {}
    deviations: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "truth.npz"
        truth.ask("write", case=asdict(case), path=str(path))
        for name, worker in able.items():
            _try(failures, name, lambda worker=worker: worker.send("prepare", case=asdict(case), truth=str(path)))
        for name, worker in _sound(able, failures):
            deviations[name] = _try(failures, name, worker.receive) or {}
    for name, variants in deviations.items():
        wrong = {variant: checked["faults"] for variant, checked in variants.items() if checked["faults"]}
        if wrong and len(wrong) == len(variants):
            failures[name] = _describe(next(iter(wrong.values())))
        else:
            failures |= {f"{name} ({variant})": _describe(faults) for variant, faults in wrong.items()}
    chosen = {
        name: _try(failures, name, lambda worker=worker: worker.ask("choose"))
        for name, worker in _sound(able, failures)
    }
    seconds: dict[str, list[float]] = {name: [] for name in able}
    for turn in range(rounds):
        # Every other round the other way about, so that none always comes after the same.
        for name, worker in _sound(able, failures)[:: -1 if turn % 2 else 1]:
            count = max(1, min(MOST_REPETITIONS, int(ROUND_SECONDS / chosen[name]["seconds"])))
            times = _try(failures, name, lambda worker=worker, count=count: worker.ask("time", repetitions=count))
            seconds[name] += [median(times)] if times else []
    timings: dict[str, Timing] = {}
    for name, worker in _sound(able, failures):
        checked = _try(failures, name, lambda worker=worker: worker.ask("check"))
        if checked and checked["faults"]:
            failures[name] = _describe(checked["faults"])
        elif checked:
            found = {key: Deviation(*values) for key, values in checked["deviations"].items()}
            timings[name] = Timing(chosen[name]["setting"], tuple(seconds[name]), found)
    return Measurement(case, timings, failures)


def _sound(able: Mapping[str, Worker], failures: Mapping[str, str]) -> list[tuple[str, Worker]]:
    return [(name, worker) for name, worker in able.items() if name not in failures]


def _try(failures: dict[str, str], name: str, ask: Callable[[], Any]) -> Any:
    """What a worker answers; one that fails fails this case alone, and says why."""
    try:
        return ask()
    except WorkerFailed as error:
        failures[name] = str(error)
        return None


def _describe(faults: Mapping[str, float]) -> str:
    name = max(faults, key=faults.__getitem__)
    return f"{name} is off by {faults[name]:.1e} of its largest value"
