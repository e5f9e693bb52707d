"""The stock price tutorial, and what it leaves out.

Every introduction to the LSTM forecasts a share: windows of 60 days, prices scaled to between 0 and 1, two layers of
50 units, 70 % of the days for training; at the end two lines lie on top of each other, and the reader is impressed.
Here is that network, then the question that such introductions don't ask, and then what to do instead.

    python examples/stock_prices.py [prices.csv] [--out folder] [--seed 3]

The file has the columns Date and Close. Without one, ten years of a made-up share are used: a random walk whose calm
and nervous times follow each other as in real ones. We know how it was made, so we know what there is to be found.
"""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

import recurra
from recurra import Forecaster
from recurra.data import carried_path

LOOK_BACK = 60  # days that the network sees
TRAINING = 0.7  # share of the days, the oldest


def made_up_share(seed: int, days: int = 2500) -> pl.DataFrame:
    """A share that nobody can foresee: each day's return is drawn anew.

    Only its size has a memory (GARCH; Bollerslev, 1986): a nervous day makes the next one nervous too. With seed 3 the
    test part stays within the prices of the training part, as the tutorials like it. With 0 it doesn't; look then.
    """
    generator = np.random.default_rng(seed)
    surprises = generator.standard_t(5, size=days) / np.sqrt(5 / 3)
    returns = np.empty(days)
    variance = 1.6e-4
    for day, surprise in enumerate(surprises):
        returns[day] = np.sqrt(variance) * surprise
        variance = 4e-6 + 0.09 * returns[day] ** 2 + 0.885 * variance
    weekdays = pl.date_range(date(2015, 1, 1), date(2026, 1, 1), eager=True)
    weekdays = weekdays.filter(weekdays.dt.weekday() <= 5).head(days)
    return pl.DataFrame({"Date": weekdays, "Close": 100 * np.exp(np.cumsum(returns))})


def read_share(path: str | Path) -> pl.DataFrame:
    """A share of one's own."""
    return pl.read_csv(path, try_parse_dates=True).select("Date", pl.col("Close").cast(pl.Float64))


class TwoLayers(nn.Module):
    """Two LSTM layers of 50 units; the last output becomes tomorrow's price."""

    def __init__(self) -> None:
        super().__init__()
        # As torch.nn.LSTM: same arguments, same weights, same numbers.
        self.lstm = recurra.nn.LSTM(1, 50, num_layers=2, dropout=0.2, batch_first=True)
        self.head = nn.Linear(50, 1)

    def forward(self, windows: Tensor) -> Tensor:
        """Prices (batch, 60) to the next one (batch,)."""
        output, _ = self.lstm(windows[..., None])
        return self.head(output[:, -1])[:, 0]


class Outcome(NamedTuple):
    """One day ahead, for each day of the test part."""

    seen: np.ndarray  # the prices of the training part
    actual: np.ndarray
    predicted: np.ndarray
    yesterday: np.ndarray  # the price that was known when the forecast was made


def forecast_as_in_every_tutorial(close: np.ndarray, epochs: int = 30) -> Outcome:
    """Scale, cut into windows, train on the oldest 70 %, forecast each day of the rest from the 60 before it."""
    split = int(TRAINING * len(close))
    # Many tutorials scale by the whole series. Then the highest price of the future leaks into the past; so don't.
    low, high = close[:split].min(), close[:split].max()
    scaled = torch.from_numpy((close - low) / (high - low)).float()
    windows = scaled.unfold(0, LOOK_BACK, 1)[:-1]  # (days - 60, 60)
    following = scaled[LOOK_BACK:]
    first_test = split - LOOK_BACK

    torch.manual_seed(0)
    network = TwoLayers()
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    # Most tutorials keep one learning rate and end up worse; the network shall have its chance.
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for batch in torch.randperm(first_test).split(32):
            loss = nn.functional.mse_loss(network(windows[batch]), following[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()

    network.eval()
    with torch.no_grad():
        predicted = network(windows[first_test:]).numpy() * (high - low) + low
    return Outcome(close[:split], close[split:], predicted, yesterday=close[split - 1 : -1])


def root_mean_square(errors: np.ndarray) -> float:
    """The usual measure."""
    return float(np.sqrt(np.mean(errors**2)))


def ask(outcome: Outcome) -> None:
    """What the tutorials don't: is this better than saying that tomorrow will be as today?"""
    seen, actual, predicted, yesterday = outcome
    foreseen, happened = predicted - yesterday, actual - yesterday
    print(f"RMSE of the network                         {root_mean_square(predicted - actual):8.3f}")
    print(f"RMSE of yesterday's price                   {root_mean_square(yesterday - actual):8.3f}")
    print(f"days whose direction it had right           {np.mean(np.sign(foreseen) == np.sign(happened)):8.1%}")
    print(f"correlation of foreseen and actual changes  {np.corrcoef(foreseen, happened)[0, 1]:8.2f}")
    print(f"days with prices never seen in training     {np.mean((actual < seen.min()) | (actual > seen.max())):8.1%}")


def draw_forecasts(outcome: Outcome, path: Path) -> None:
    """The picture that ends every tutorial; and, below, the same under the magnifying glass."""
    from matplotlib import pyplot

    figure, (whole, near) = pyplot.subplots(2, figsize=(9, 7), layout="constrained")
    whole.plot(outcome.actual, label="actual", linewidth=1.2)
    whole.plot(outcome.predicted, label="predicted", linewidth=1.2)
    whole.set_title("The picture that ends every tutorial: they nearly touch")
    days = slice(100, 140)
    near.plot(outcome.actual[days], label="actual", marker="o", markersize=3)
    near.plot(outcome.predicted[days], label="predicted", marker="o", markersize=3)
    near.plot(outcome.yesterday[days], label="yesterday's price", color="black", linestyle=":")
    near.set_title("Forty days of it: turns are forecast a day after they happened")
    for axes in (whole, near):
        axes.set_xlabel("days of the test part")
        axes.set_ylabel("price")
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=100)


def questions_worth_asking(share: pl.DataFrame) -> dict[str, Forecaster]:
    """Four series, five days ahead, each forecast by the same network and held against the same baselines."""
    returns = share.select("Date", ret=100 * pl.col("Close").log().diff()).drop_nulls()
    sizes = returns.select("Date", size=pl.col("ret").abs())
    common = {"horizon": 5, "hidden_size": 32, "threads": 1}
    tasks = {
        "price": (share, Forecaster(target="Close", time="Date", **common)),
        "return": (returns, Forecaster(target="ret", time="Date", **common)),
        "size of the return": (sizes, Forecaster(target="size", time="Date", context=60, **common)),
        # One that nature made: the highest temperature of each day, with the lowest to help.
        "temperature": (
            carried_path("temperature"),
            Forecaster(target="temperature_max", season=365, context=35, **common),
        ),
    }
    return {name: model.fit(data, progress="none") for name, (data, model) in tasks.items()}


def share_removed(model: Forecaster, baseline: str) -> float:
    """By which share the mean absolute error of the model lies below that of a baseline."""
    own, other = model.scores_.metrics["mae"], model.scores_.baselines[baseline]["mae"]
    assert own is not None and other is not None, "the test part has outcomes"
    return 1 - own / other


def print_answers(models: dict[str, Forecaster]) -> None:
    """For each series: what it gains over two baselines, whether intervals hold, and the verdict."""
    print(f"{'5 days ahead, MAE below that of':34}{'persistence':>12}{'linear':>8}{'80 % interval holds':>21}")
    for name, model in models.items():
        gains = [share_removed(model, baseline) for baseline in ("persistence", "linear autoregression")]
        print(f"{name:34}{gains[0]:12.1%}{gains[1]:8.1%}{model.scores_.metrics['coverage_80']:21.1%}")
    for name, model in models.items():
        print(f"{name}: {model.scores_.verdict.sentence}")


def draw_intervals(share: pl.DataFrame, model: Forecaster, path: Path) -> None:
    """The price of the last months, and the range where it will be with a probability of 80 %."""
    from matplotlib import pyplot

    ahead = model.predict()
    recent = share.tail(60)
    figure, axes = pyplot.subplots(figsize=(9, 3.6), layout="constrained")
    axes.plot(recent["Date"], recent["Close"], label="known")
    axes.plot(ahead["time"], ahead["q0.5"], label="forecast (median)", marker="o", markersize=3)
    axes.fill_between(ahead["time"], ahead["q0.1"], ahead["q0.9"], alpha=0.3, color="C1", label="80 % interval")
    axes.set_title("What can honestly be said of a price: about as now, give or take so much")
    axes.grid(alpha=0.3)
    axes.legend(loc="best")
    figure.savefig(path, dpi=100)


def main() -> None:
    """Tell the story."""
    parser = argparse.ArgumentParser(description="The stock price tutorial, and what it leaves out.")
    parser.add_argument("prices", nargs="?", type=Path, help="CSV with the columns Date and Close")
    parser.add_argument("--out", type=Path, default=Path("stock_prices"), help="folder for pictures and the report")
    parser.add_argument("--seed", type=int, default=3, help="of the made-up share")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    matplotlib.use("Agg")
    torch.set_num_threads(1)  # matrices this small gain nothing from more

    share = made_up_share(given.seed) if given.prices is None else read_share(given.prices)

    print("1. As in every tutorial")
    outcome = forecast_as_in_every_tutorial(share["Close"].to_numpy())
    draw_forecasts(outcome, given.out / "forecasts.png")
    print(f"picture: {given.out / 'forecasts.png'}")

    print("\n2. Is it better than yesterday's price?")
    ask(outcome)

    print("\n3. What to do instead: ask what can be answered")
    models = questions_worth_asking(share)
    print_answers(models)
    draw_intervals(share, models["price"], given.out / "intervals.png")
    models["price"].save(given.out / "price-model", overwrite=True)
    print(f"picture: {given.out / 'intervals.png'}")
    print(f"report:  {given.out / 'price-model' / 'report.html'}")


if __name__ == "__main__":
    main()
