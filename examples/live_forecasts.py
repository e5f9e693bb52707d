"""A forecaster that is trained once and then follows a series, row by row, without torch.

python examples/live_forecasts.py
"""

import csv
import tempfile
from pathlib import Path

from recurra import Forecaster, runtime
from recurra.data import carried_path


def main() -> None:
    """Train on temperatures, then push the days one by one."""
    path = carried_path("temperature")
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "weather"
        Forecaster(target="temperature_max", past=(), horizon=7, hidden_size=16, epochs=3).fit(
            path, progress="none"
        ).save(bundle)

        model = runtime.load(bundle)  # numpy and the compiled core; works where torch isn't installed
    with path.open(newline="") as file:
        days = [{"date": row["date"], "temperature_max": row["temperature_max"]} for row in csv.DictReader(file)]

    session = model.stream()
    for day in days[:-2]:
        session.observe(day)  # taken in, not answered
    forecast = session.push(days[-2])
    print("From", days[-2]["date"], "on:")
    for row in model.rows(session, forecast)[:3]:
        print(f"  {row['time']}  {row['mean']:.1f} °C, 80 % between {row['q0.1']:.1f} and {row['q0.9']:.1f}")

    saved = session.state()  # bytes: the session goes on from them, here or elsewhere
    print(f"The session is {len(saved):,} bytes.")
    elsewhere, warmer = model.restore(saved), session.fork()

    real = elsewhere.push(days[-1])
    imagined = warmer.push({"date": days[-1]["date"], "temperature_max": 35})
    print(f"Tomorrow, after a day like the real one: {real.mean[0, 0]:.1f} °C; had it been 35 °C: ", end="")
    print(f"{imagined.mean[0, 0]:.1f} °C.")


if __name__ == "__main__":
    main()
