"""Forecasting: from a table of numbers over time to a calibrated, measured forecaster."""

from typing import TYPE_CHECKING

from recurra._lazy import lazy

if TYPE_CHECKING:
    from recurra.tasks.forecast._config import ForecastConfig
    from recurra.tasks.forecast._forecaster import Forecaster

__all__ = ["ForecastConfig", "Forecaster"]

# The config is read for its flags; that must not load torch.
__getattr__, __dir__ = lazy(
    __name__,
    {
        "ForecastConfig": "recurra.tasks.forecast._config",
        "Forecaster": "recurra.tasks.forecast._forecaster",
    },
)
