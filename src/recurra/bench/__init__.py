"""Ours beside what else is installed on this machine, and what this machine has."""

from typing import TYPE_CHECKING

from recurra._lazy import lazy

if TYPE_CHECKING:
    from recurra.bench._case import CELLS, SECTIONS, Case
    from recurra.bench._doctor import Diagnosis, examine
    from recurra.bench._document import to_document
    from recurra.bench._grid import grid
    from recurra.bench._page import render_page
    from recurra.bench._peers import PEERS
    from recurra.bench._picture import save_picture
    from recurra.bench._results import Report
    from recurra.bench._run import QUICK_ROUNDS, ROUNDS, run_bench
    from recurra.bench._streams import StreamReport, run_streams, stream_document, stream_table
    from recurra.bench._tables import FAILED, Table, bar_table, mean_table, remarks, speed_tables

__all__ = [
    "CELLS",
    "FAILED",
    "PEERS",
    "QUICK_ROUNDS",
    "ROUNDS",
    "SECTIONS",
    "Case",
    "Diagnosis",
    "Report",
    "StreamReport",
    "Table",
    "bar_table",
    "examine",
    "grid",
    "mean_table",
    "remarks",
    "render_page",
    "run_bench",
    "run_streams",
    "save_picture",
    "speed_tables",
    "stream_document",
    "stream_table",
    "to_document",
]

# The names are imported when they are asked for: a worker needs few of them, and a doctor no torch.
__getattr__, __dir__ = lazy(
    __name__,
    {
        "CELLS": "recurra.bench._case",
        "FAILED": "recurra.bench._tables",
        "PEERS": "recurra.bench._peers",
        "QUICK_ROUNDS": "recurra.bench._run",
        "ROUNDS": "recurra.bench._run",
        "SECTIONS": "recurra.bench._case",
        "Case": "recurra.bench._case",
        "Diagnosis": "recurra.bench._doctor",
        "Report": "recurra.bench._results",
        "StreamReport": "recurra.bench._streams",
        "Table": "recurra.bench._tables",
        "bar_table": "recurra.bench._tables",
        "examine": "recurra.bench._doctor",
        "grid": "recurra.bench._grid",
        "mean_table": "recurra.bench._tables",
        "remarks": "recurra.bench._tables",
        "render_page": "recurra.bench._page",
        "run_bench": "recurra.bench._run",
        "run_streams": "recurra.bench._streams",
        "save_picture": "recurra.bench._picture",
        "speed_tables": "recurra.bench._tables",
        "stream_document": "recurra.bench._streams",
        "stream_table": "recurra.bench._streams",
        "to_document": "recurra.bench._document",
    },
)
