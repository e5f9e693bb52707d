"""Seconds and peak memory of reading and windowing 10,000 series of 1,000 rows, a CSV of 400 MB; the loader's share.

    python benchmarks/panel_reading.py [--series 10000] [--rows 1000] [--shuffle]

The loader's share is of a training step of the default network, hidden size 64, on one thread. The file is made in a
temporary folder; reading happens in a process of its own, so that the peak is its alone. What was
read is compared with what was written before any number is printed.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

_READ = """
import json, resource, sys, time
import numpy as np
import torch
from recurra.data import Columns, read_panel
from recurra.tasks.forecast._config import ForecastConfig
from recurra.tasks.forecast._job import prepare
from recurra.tasks.forecast._model import training_batches

torch.set_num_threads(1)
start = time.perf_counter()
panel = read_panel(sys.argv[1], Columns(target="value", series="id"))
seconds = time.perf_counter() - start
config = ForecastConfig(target="value", series="id", horizon=24, hidden_size=64)
plan = prepare(panel, config)
batches = training_batches(plan.windows, plan.origins, plan.chosen, batch_size=256, steps=None, seed=0)
batches.batch(0, 0)
windowed = time.perf_counter() - start
usage = resource.getrusage(resource.RUSAGE_SELF)
optimizer = torch.optim.AdamW(plan.model.network.parameters())
shares = []
for index in range(1, 31):
    begin = time.perf_counter()
    batch = batches.batch(0, index)
    gathered = time.perf_counter()
    loss = plan.model.loss(plan.model.network, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    shares.append((gathered - begin) / (time.perf_counter() - begin))
print(json.dumps({
    "read_seconds": round(seconds, 2),
    "windowed_seconds": round(windowed, 2),
    "loader_share": round(float(np.median(shares)), 3),
    "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
    "peak_gigabytes": round(usage.ru_maxrss / 2**20, 2),
    "rows": panel.num_rows,
    "series": panel.num_series,
    "sum": float(np.nansum(panel.target, dtype=np.float64)),
    "frequency": panel.schema.frequency,
}))
"""


def write(path: Path, series: int, rows: int, *, shuffle: bool) -> float:
    """Write the file some series at a time; gives the sum of its values."""
    rng = np.random.default_rng(0)
    hours = np.datetime64("2015-01-01T00:00:00", "us") + np.arange(rows) * np.timedelta64(3_600_000_000, "us")
    total = 0.0
    with path.open("wb") as file:
        file.write(b"id,time,value\n")
        for start in range(0, series, 500):
            names = [f"series_{number:05d}" for number in range(start, min(start + 500, series))]
            frame = pl.DataFrame(
                {
                    "id": np.repeat(names, rows),
                    "time": np.tile(hours, len(names)),
                    "value": rng.normal(size=len(names) * rows).round(4),
                }
            )
            total += float(frame["value"].cast(pl.Float32).cast(pl.Float64).sum())
            if shuffle:
                frame = frame.sample(fraction=1.0, shuffle=True, seed=start)
            file.write(frame.write_csv(include_header=False, datetime_format="%Y-%m-%d %H:%M:%S").encode())
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=1_000)
    parser.add_argument("--shuffle", action="store_true", help="mix the rows of each 500 series")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "panel.csv"
        total = write(path, asked.series, asked.rows, shuffle=asked.shuffle)
        done = subprocess.run([sys.executable, "-c", _READ, str(path)], check=True, capture_output=True, text=True)
        result = json.loads(done.stdout)
        wrong = (result["rows"], result["series"]) != (asked.series * asked.rows, asked.series)
        if wrong or abs(result.pop("sum") - total) > 1e-6 * asked.series * asked.rows or result["frequency"] != "1h":
            raise SystemExit(f"What was read isn't what was written: {result}")
        size = round(path.stat().st_size / 2**20)
        print(json.dumps({**result, "file_megabytes": size, "machine": platform.platform(), "polars": pl.__version__}))


if __name__ == "__main__":
    main()
