"""One runtime in a process of its own: `python -m recurra.bench._worker HOME THREADS`.

Requests and answers are JSON objects, one a line, over stdin and stdout. A request names a method of what HOME,
"module:class", stands for, and its arguments; between requests the process sleeps. It ends when stdin does.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from recurra.bench._case import Case, make_problem
from recurra.bench._check import Deviation, compare, faults
from recurra.bench._peer import Peer, Variant
from recurra.bench._timing import settle, time_calls

# To tell settings apart, and to know how many calls fill a round.
TRIAL_SECONDS = 0.05
MOST_TRIALS = 20


class Prepared(NamedTuple):
    """A case whose variants gave the right result, and the truth to check by."""

    case: Case
    truth: Mapping[str, Any]
    variants: dict[str, Variant]


class Measured:
    """What a worker does with a peer: prepare and check a case, choose a setting, time, check again."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._prepared: Prepared | None = None
        self._last: Any = None

    def about(self) -> Mapping[str, str]:
        return self._peer.about()

    def peak(self, seconds: float) -> float:
        """What this processor could do at most, as far as the peer knows."""
        return self._peer.peak(seconds)  # pyright: ignore[reportAttributeAccessIssue]

    def prepare(self, case: Mapping[str, Any], truth: str) -> dict[str, Any]:
        """Set every variant up and run it once. For each, how far from the truth it is, and what of that is too far."""
        self._last = self._prepared = None  # frees what the case before held
        this, true = Case(**case), dict(np.load(Path(truth)))
        variants = dict(self._peer.variants(this, make_problem(this)))
        checked: dict[str, Any] = {}
        for name, variant in list(variants.items()):
            deviations = compare(this, variant.results(variant.call()), true)
            checked[name] = _verdict(this, deviations)
            if checked[name]["faults"]:
                del variants[name]
        self._prepared = Prepared(this, true, variants)
        return checked

    def choose(self) -> dict[str, Any]:
        """Keep the fastest variant; its name and the seconds that a call takes."""
        prepared = self._ready()
        best = {name: min(self._trial(variant)) for name, variant in prepared.variants.items()}
        fastest = min(best, key=best.__getitem__)
        self._prepared = prepared._replace(variants={fastest: prepared.variants[fastest]})
        return {"setting": fastest, "seconds": best[fastest]}

    def time(self, repetitions: int) -> list[float]:
        """The seconds of so many calls."""
        (variant,) = self._ready().variants.values()
        seconds, self._last = time_calls(variant.call, repetitions)
        return seconds

    def check(self) -> dict[str, Any]:
        """How far the last timed call's result is from the truth."""
        case, truth, variants = self._ready()
        (variant,) = variants.values()
        return _verdict(case, compare(case, variant.results(self._last), truth))

    def _trial(self, variant: Variant) -> list[float]:
        first, _ = time_calls(variant.call, 1)
        more = min(MOST_TRIALS, int(TRIAL_SECONDS / first[0]))
        return first + (time_calls(variant.call, more)[0] if more else [])

    def _ready(self) -> Prepared:
        assert self._prepared is not None and self._prepared.variants, "no variant was prepared"
        return self._prepared


def _verdict(case: Case, deviations: Mapping[str, Deviation]) -> dict[str, Any]:
    return {"deviations": deviations, "faults": faults(deviations, case.precision)}


def serve(handler: Any, requests: Any, answers: Any) -> None:
    """Answer each request with what the method gives, or with the error that it raised."""
    for line in requests:
        request = json.loads(line)
        try:
            answer: dict[str, Any] = {"answer": getattr(handler, request["do"])(**request["with"])}
        except Exception as error:
            answer = {"error": " ".join(f"{type(error).__name__}: {error}".split())}
        answer["asleep"] = settle()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def load(home: str, threads: int) -> Any:
    """What a home stands for: a peer to be measured, or anything else as it is."""
    module, _, name = home.partition(":")
    made = getattr(importlib.import_module(module), name)(threads)
    return Measured(made) if hasattr(made, "variants") else made


if __name__ == "__main__":
    # Runtimes print what they like on stdout; that goes to stderr, and the answers go where stdout led.
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(load(sys.argv[1], int(sys.argv[2])), sys.stdin, channel)
