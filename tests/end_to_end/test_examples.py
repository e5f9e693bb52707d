"""The examples run; what the tutorial's pages claim is what it prints."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "stock_prices.py"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stock_prices")


@pytest.fixture(scope="module")
def printed(folder: Path) -> str:
    run = [sys.executable, "-W", "error", EXAMPLE, "--out", folder]
    return subprocess.run(run, capture_output=True, text=True, check=True).stdout


def numbers(printed: str, label: str) -> list[float]:
    """The numbers after a label, percentages included, as they are printed."""
    line = next(line for line in printed.splitlines() if line.startswith(f"{label}  "))
    return [float(number) for number in re.findall(r"-?\d+\.\d+", line.removeprefix(label))]


def test_the_network_of_the_tutorials_loses_to_yesterday(printed: str) -> None:
    (network,) = numbers(printed, "RMSE of the network")
    (yesterday,) = numbers(printed, "RMSE of yesterday's price")
    assert yesterday < network < 2 * yesterday  # worse, and yet so near that the picture looks good
    assert 45 < numbers(printed, "days whose direction it had right")[0] < 55
    assert abs(numbers(printed, "correlation of foreseen and actual changes")[0]) < 0.1


@pytest.mark.parametrize(
    ("series", "over_persistence", "verdict"),
    [
        ("price", (-10, 1), "Not worth having"),
        ("return", (20, 35), "Not worth having"),
        ("size of the return", (20, 35), "Worth having"),
        ("temperature", (13, 25), "Worth having"),
    ],
)
def test_what_can_be_forecast(printed: str, series: str, over_persistence: tuple[float, float], verdict: str) -> None:
    gain, _, holds = numbers(printed, series)
    assert over_persistence[0] < gain < over_persistence[1]
    assert 72 < holds < 86
    assert f"{series}: {verdict}" in printed


@pytest.mark.parametrize("page", ["tutorial.md", "tutorial.zh.md"])
def test_pages_quote_what_is_printed(printed: str, page: str) -> None:
    """Figures but for what another machine may compute otherwise; verdicts as they begin."""
    text = (EXAMPLE.parents[1] / "docs" / page).read_text(encoding="utf-8")
    figures = re.findall(r"^    (\S.*?)  +(-?\d[-%. \d]*)$", text, flags=re.MULTILINE)
    verdicts = re.findall(r"^    ([a-z ]+: (?:Not w|W)orth having)", text, flags=re.MULTILINE)
    assert (len(figures), len(verdicts)) == (9, 4)
    for label, quoted in figures:
        assert numbers(f"{label}  {quoted}", label) == pytest.approx(numbers(printed, label), rel=0.15, abs=2.5)
    for verdict in verdicts:
        assert f"\n{verdict}" in printed


def test_pictures_and_report_are_where_it_says(printed: str, folder: Path) -> None:
    named = re.findall(r"^(?:picture|report): +(.+)$", printed, flags=re.MULTILINE)
    assert len(named) == 3 == len(set(named))
    for name in named:
        assert Path(name).is_relative_to(folder)
        assert Path(name).read_bytes()[:4] in (b"\x89PNG", b"<!do", b"<!DO")


def test_a_file_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A share that only rises leaves the prices of the training part."""
    days = [
        f"{2001 + day // 336}-{1 + day // 28 % 12:02}-{1 + day % 28:02},{100 + day + day * 7 % 5}" for day in range(700)
    ]
    (tmp_path / "prices.csv").write_text("Date,Close\n" + "\n".join(days) + "\n", encoding="utf-8")
    module = spec_from_file_location("stock_prices", EXAMPLE)
    assert module is not None and module.loader is not None
    example = module_from_spec(module)
    module.loader.exec_module(example)
    share = example.read_share(tmp_path / "prices.csv")
    example.ask(example.forecast_as_in_every_tutorial(share["Close"].to_numpy(), epochs=1))
    assert numbers(capsys.readouterr().out, "days with prices never seen in training")[0] > 95


def test_accelerate() -> None:
    run = [sys.executable, "-W", "error", EXAMPLE.with_name("accelerate.py")]
    printed = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    losses = [float(loss) for loss in re.findall(r"loss (\S+), a step takes [0-9.]+ ms$", printed, flags=re.MULTILINE)]
    assert len(losses) == 3
    assert losses[0] > losses[1] > losses[2]
    assert "Swapped 1 of 1 recurrent layers:\n  recurrent, LSTM(64, 64" in printed
    (difference,) = re.findall(r"largest difference of an output: (\S+)", printed)
    assert float(difference) < 1e-5


def test_live_forecasts_go_on_alike() -> None:
    example = EXAMPLE.with_name("live_forecasts.py")
    run = [sys.executable, "-W", "error", example]
    printed = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    assert printed.startswith("From 2020-12-30 on:\n  2020-12-31T00:00:00")
    (size,) = re.findall(r"The session is ([\d,]+) bytes", printed)
    assert int(size.replace(",", "")) < 30_000
    ((usual, warm),) = re.findall(r"real one: (-?\d+\.\d) °C; had it been 35 °C: (-?\d+\.\d) °C", printed)
    assert float(warm) > float(usual) + 5
