"""Measurements without a clock."""

from __future__ import annotations

from recurra.bench import Case, Report
from recurra.bench._case import Cell, Mode
from recurra.bench._check import Deviation
from recurra.bench._results import Measurement, Run, Timing


def timing(*seconds: float, typical: float = 1e-7) -> Timing:
    return Timing("setting", seconds, {"output": Deviation(2 * typical, typical)})


def measurement(
    cell: Cell = "lstm",
    size: tuple[int, int, int, int] = (10, 32, 256, 256),
    mode: Mode = "forward",
    *,
    ragged: bool = False,
    failures: dict[str, str] | None = None,
    **timings: Timing,
) -> Measurement:
    named = {name.replace("_", "-"): value for name, value in timings.items()}
    return Measurement(Case(cell, *size, mode=mode, ragged=ragged), named, failures or {})


def report(*runs: Run, load: float = 0.0) -> Report:
    peers = {name: {"version": "1"} for name in ("recurra", "padded", "torch", "torch-cell", "onnxruntime", "jax")}
    return Report(
        machine={"processor": "Abacus", "cores": 2, "system": "Linux", "python": "3"},
        load=load,
        threads=2,
        peers=peers,
        lacking={"openvino": "openvino isn't installed: pip install 'recurra[bench]'"},
        restless=(),
        runs=runs,
    )


RUN = Run(
    (
        measurement(
            "gru", recurra=timing(1e-3, 1e-3, 2e-3), torch=timing(4e-3, 4e-3, 8e-3), jax=timing(2e-3, 2e-3, 4e-3)
        ),
        measurement("lstm", recurra=timing(1e-3), torch=timing(2e-3), failures={"jax": "output is off by 3.0e-01"}),
        measurement("lstm", (7, 3, 2, 5), recurra=timing(2e-3), torch=timing(1e-3, typical=4e-8)),
        measurement("lstm", (9, 1, 8, 8), "step", recurra=timing(9e-6), torch=timing(9e-4), onnxruntime=timing(1.8e-5)),
        measurement("rnn", mode="training", ragged=True, recurra=timing(1e-3), padded=timing(2e-3), torch=timing(8e-3)),
    ),
    peak=500.0,
)
