from __future__ import annotations

import math
from typing import Any

from recurra.bench._bar import bar
from recurra.bench._results import Measurement, Report
from recurra.bench._statistics import quartiles


def to_document(report: Report) -> dict[str, Any]:
    """Everything that was measured, as plain data: what `--json` prints."""
    return {
        "machine": dict(report.machine),
        "load": report.load,
        "threads": report.threads,
        "peers": {name: dict(about) for name, about in report.peers.items()},
        "lacking": dict(report.lacking),
        "restless": list(report.restless),
        "peak_gflops": report.peak,
        "results": [_result(measurement, report.peak) for measurement in report.measurements],
        "bar": [
            {
                "name": lines[0].name,
                "wanted": lines[0].wanted,
                "at_least": lines[0].at_least,
                "values": [line.value for line in lines],
                "met": [line.is_met for line in lines],
                "worst": [line.worst for line in lines],
            }
            for lines in zip(*(bar(run) for run in report.runs), strict=True)
        ],
        "failures": report.failures,
    }


def _result(measurement: Measurement, peak: float) -> dict[str, Any]:
    case, gflops = measurement.case, measurement.gflops
    return {
        "cell": case.cell,
        "size": case.size,
        "section": case.section,
        "mode": case.mode,
        "flops": case.flops,
        "gflops": gflops,
        "share_of_peak": None if gflops is None else gflops / peak,
        "best_peer": measurement.best,
        "peers": {
            name: {
                "setting": timing.setting,
                "seconds": quartiles(timing.seconds)._asdict(),
                "rounds": list(timing.seconds),
                "ratio": found._asdict() if (found := measurement.ratio(name)) else None,
                "deviations": {
                    name: {key: value if math.isfinite(value) else None for key, value in deviation._asdict().items()}
                    for name, deviation in timing.deviations.items()
                },
            }
            for name, timing in measurement.timings.items()
        },
        "failures": dict(measurement.failures),
    }
