from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping

# Upper edges of the histogram of a push's time, in seconds; the last bucket has none.
_EDGES = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Metrics:
    """What a server counts, as Prometheus reads it."""

    def __init__(self) -> None:
        self.errors: Counter[tuple[str, str]] = Counter()  # by model ("" where none is known) and code
        self.batches: Counter[str] = Counter()
        self.snapshot_failures = 0
        self._buckets: dict[str, list[int]] = {}
        self._seconds: Counter[str] = Counter()

    def pushed(self, model: str, seconds: float, count: int = 1) -> None:
        """Note `count` pushes, each answered within so many seconds."""
        buckets = self._buckets.setdefault(model, [0] * (len(_EDGES) + 1))
        buckets[bisect_left(_EDGES, seconds)] += count
        self._seconds[model] += seconds * count  # type: ignore[assignment]  # a Counter adds what it's given

    def render(self, *, open_sessions: Mapping[str, int]) -> str:
        """Everything, in Prometheus' text format."""
        lines = ["# HELP recurra_pushes_total Pushes answered.", "# TYPE recurra_pushes_total counter"]
        lines += [f"recurra_pushes_total{_labels(model=m)} {sum(b)}" for m, b in self._buckets.items()]
        lines += [
            "# HELP recurra_push_seconds Time from a push to its answer.",
            "# TYPE recurra_push_seconds histogram",
        ]
        for model, buckets in self._buckets.items():
            total = 0
            for edge, count in zip((*_EDGES, "+Inf"), buckets, strict=True):
                total += count
                lines.append(f"recurra_push_seconds_bucket{_labels(model=model, le=str(edge))} {total}")
            lines.append(f"recurra_push_seconds_sum{_labels(model=model)} {self._seconds[model]:.6f}")
            lines.append(f"recurra_push_seconds_count{_labels(model=model)} {total}")
        lines += [
            "# HELP recurra_batches_total Calls of a model that answered one or more pushes.",
            "# TYPE recurra_batches_total counter",
            *(f"recurra_batches_total{_labels(model=model)} {count}" for model, count in self.batches.items()),
            "# HELP recurra_sessions_open Sessions that can be pushed to.",
            "# TYPE recurra_sessions_open gauge",
            *(f"recurra_sessions_open{_labels(model=model)} {count}" for model, count in open_sessions.items()),
            "# HELP recurra_errors_total Requests and messages that got an error.",
            "# TYPE recurra_errors_total counter",
            *(f"recurra_errors_total{_labels(model=m, code=code)} {n}" for (m, code), n in self.errors.items()),
            "# HELP recurra_snapshot_failures_total Times that sessions couldn't be written to disk.",
            "# TYPE recurra_snapshot_failures_total counter",
            f"recurra_snapshot_failures_total {self.snapshot_failures}",
        ]
        return "\n".join(lines) + "\n"


def _labels(**labels: str) -> str:
    escaped = (
        (name, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")) for name, value in labels.items()
    )
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}"
