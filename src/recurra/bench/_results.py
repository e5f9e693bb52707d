"""What was measured, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recurra.bench._case import Case
from recurra.bench._check import Deviation
from recurra.bench._peers import FLOAT32, OURS, PADDED
from recurra.bench._statistics import Quartiles, quartiles, ratio


@dataclass(frozen=True)
class Timing:
    """How long one peer takes for a case, its result having been found right."""

    setting: str
    seconds: tuple[float, ...]  # the median of each round
    deviations: Mapping[str, Deviation]


@dataclass(frozen=True)
class Measurement:
    """One case by all that can do it. Peers whose result was wrong, or that gave none, have a reason and no time."""

    case: Case
    timings: Mapping[str, Timing]
    failures: Mapping[str, str]

    @property
    def time(self) -> Quartiles | None:
        """Our seconds."""
        return quartiles(self.timings[OURS].seconds) if OURS in self.timings else None

    @property
    def gflops(self) -> float | None:
        """Our 10^9 operations a second; see `Case.flops`."""
        return self.case.flops / self.time.median / 1e9 if self.time else None

    @property
    def best(self) -> str | None:
        """The fastest of the others."""
        others = {name: timing for name, timing in self.timings.items() if name not in (OURS, PADDED, FLOAT32)}
        times = {name: quartiles(timing.seconds).median for name, timing in others.items()}
        return min(times, key=times.__getitem__) if times else None

    def ratio(self, peer: str | None) -> Quartiles | None:
        """How many times longer a peer takes than we do."""
        if peer is None or not {peer, OURS} <= self.timings.keys():
            return None
        return ratio(self.timings[peer].seconds, self.timings[OURS].seconds)


@dataclass(frozen=True)
class Run:
    """All cases, measured once."""

    measurements: tuple[Measurement, ...]
    peak: float  # GF/s


@dataclass(frozen=True)
class Report:
    """What `recurra bench` found: one run or several, on which machine, with what."""

    machine: Mapping[str, str | int]
    load: float  # programs that ran or waited to, on average over the last minute before the start
    threads: int
    peers: Mapping[str, Mapping[str, str]]  # about each
    lacking: Mapping[str, str]  # peers that were asked for and aren't installed
    restless: tuple[str, ...]  # peers whose threads went on running after their turn
    runs: tuple[Run, ...]

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The cases with the rounds of all runs."""
        return tuple(_pooled(of_case) for of_case in zip(*(run.measurements for run in self.runs), strict=True))

    @property
    def peak(self) -> float:
        """The most multiply-adds that any run saw, in GF/s."""
        return max(run.peak for run in self.runs)

    @property
    def failures(self) -> dict[str, str]:
        """What went wrong, by case and peer."""
        return {
            f"{measurement.case}, {peer}": reason
            for measurement in self.measurements
            for peer, reason in measurement.failures.items()
        }


def _pooled(measurements: Sequence[Measurement]) -> Measurement:
    failures = {peer: reason for measurement in measurements for peer, reason in measurement.failures.items()}
    first = measurements[0]
    timings = {
        peer: Timing(
            timing.setting,
            tuple(second for measurement in measurements for second in measurement.timings[peer].seconds),
            timing.deviations,
        )
        for peer, timing in first.timings.items()
        if peer not in failures
    }
    return Measurement(first.case, timings, failures)
