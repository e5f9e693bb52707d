"""Forecasts, labels, tags and text to an honest verdict."""

from typing import TYPE_CHECKING

from recurra._lazy import lazy

if TYPE_CHECKING:
    from recurra.evaluate._baselines import drift, forecast_baselines, persistence, seasonal_naive
    from recurra.evaluate._calibration import Reliability, calibration_error, fit_temperature, reliability
    from recurra.evaluate._classification import classification_scores
    from recurra.evaluate._conformal import ENOUGH_SCORES, ConformalCorrection
    from recurra.evaluate._feature_tagger import feature_tagger
    from recurra.evaluate._forecasts import Forecasts
    from recurra.evaluate._history import History
    from recurra.evaluate._kneser_ney import KneserNey
    from recurra.evaluate._language import language_scores
    from recurra.evaluate._linear import linear_autoregression
    from recurra.evaluate._logistic import fit_logistic
    from recurra.evaluate._metrics import (
        Quotient,
        absolute_error,
        coverage,
        quantile_loss,
        scaled_error,
        scaled_squared_error,
        seasonal_error,
        squared_error,
        symmetric_percentage_error,
    )
    from recurra.evaluate._page import Page, Passage, Section, render_page, save_pictures
    from recurra.evaluate._picture import Picture
    from recurra.evaluate._pictures import ReportInputs
    from recurra.evaluate._report import render_report, save_figures
    from recurra.evaluate._scores import Coverage, PerHorizon, PerSeries, Scores, SeriesRow, score
    from recurra.evaluate._split import Part, Split, split_in_time, windows
    from recurra.evaluate._tag_baselines import most_frequent_tags
    from recurra.evaluate._tagging import tagging_scores
    from recurra.evaluate._task_pictures import (
        bars_picture,
        confusion_picture,
        finder_picture,
        learning_picture,
        reliability_picture,
    )
    from recurra.evaluate._task_scores import METRIC_NAMES, ScoreTable, TaskScores
    from recurra.evaluate._text_baselines import majority, tfidf_logistic
    from recurra.evaluate._verdict import Outcome, Verdict, judge

__all__ = [
    "ENOUGH_SCORES",
    "METRIC_NAMES",
    "ConformalCorrection",
    "Coverage",
    "Forecasts",
    "History",
    "KneserNey",
    "Outcome",
    "Page",
    "Part",
    "Passage",
    "PerHorizon",
    "PerSeries",
    "Picture",
    "Quotient",
    "Reliability",
    "ReportInputs",
    "ScoreTable",
    "Scores",
    "Section",
    "SeriesRow",
    "Split",
    "TaskScores",
    "Verdict",
    "absolute_error",
    "bars_picture",
    "calibration_error",
    "classification_scores",
    "confusion_picture",
    "coverage",
    "drift",
    "feature_tagger",
    "finder_picture",
    "fit_logistic",
    "fit_temperature",
    "forecast_baselines",
    "judge",
    "language_scores",
    "learning_picture",
    "linear_autoregression",
    "majority",
    "most_frequent_tags",
    "persistence",
    "quantile_loss",
    "reliability",
    "reliability_picture",
    "render_page",
    "render_report",
    "save_figures",
    "save_pictures",
    "scaled_error",
    "scaled_squared_error",
    "score",
    "seasonal_error",
    "seasonal_naive",
    "split_in_time",
    "squared_error",
    "symmetric_percentage_error",
    "tagging_scores",
    "tfidf_logistic",
    "windows",
]

__getattr__, __dir__ = lazy(
    __name__,
    {
        "ConformalCorrection": "recurra.evaluate._conformal",
        "Coverage": "recurra.evaluate._scores",
        "ENOUGH_SCORES": "recurra.evaluate._conformal",
        "Forecasts": "recurra.evaluate._forecasts",
        "History": "recurra.evaluate._history",
        "KneserNey": "recurra.evaluate._kneser_ney",
        "METRIC_NAMES": "recurra.evaluate._task_scores",
        "Outcome": "recurra.evaluate._verdict",
        "Page": "recurra.evaluate._page",
        "Part": "recurra.evaluate._split",
        "Passage": "recurra.evaluate._page",
        "PerHorizon": "recurra.evaluate._scores",
        "PerSeries": "recurra.evaluate._scores",
        "Picture": "recurra.evaluate._picture",
        "Quotient": "recurra.evaluate._metrics",
        "Reliability": "recurra.evaluate._calibration",
        "ReportInputs": "recurra.evaluate._pictures",
        "ScoreTable": "recurra.evaluate._task_scores",
        "Scores": "recurra.evaluate._scores",
        "Section": "recurra.evaluate._page",
        "SeriesRow": "recurra.evaluate._scores",
        "Split": "recurra.evaluate._split",
        "TaskScores": "recurra.evaluate._task_scores",
        "Verdict": "recurra.evaluate._verdict",
        "absolute_error": "recurra.evaluate._metrics",
        "bars_picture": "recurra.evaluate._task_pictures",
        "calibration_error": "recurra.evaluate._calibration",
        "classification_scores": "recurra.evaluate._classification",
        "confusion_picture": "recurra.evaluate._task_pictures",
        "coverage": "recurra.evaluate._metrics",
        "drift": "recurra.evaluate._baselines",
        "feature_tagger": "recurra.evaluate._feature_tagger",
        "finder_picture": "recurra.evaluate._task_pictures",
        "fit_logistic": "recurra.evaluate._logistic",
        "fit_temperature": "recurra.evaluate._calibration",
        "forecast_baselines": "recurra.evaluate._baselines",
        "judge": "recurra.evaluate._verdict",
        "language_scores": "recurra.evaluate._language",
        "learning_picture": "recurra.evaluate._task_pictures",
        "linear_autoregression": "recurra.evaluate._linear",
        "majority": "recurra.evaluate._text_baselines",
        "most_frequent_tags": "recurra.evaluate._tag_baselines",
        "persistence": "recurra.evaluate._baselines",
        "quantile_loss": "recurra.evaluate._metrics",
        "reliability": "recurra.evaluate._calibration",
        "reliability_picture": "recurra.evaluate._task_pictures",
        "render_page": "recurra.evaluate._page",
        "render_report": "recurra.evaluate._report",
        "save_figures": "recurra.evaluate._report",
        "save_pictures": "recurra.evaluate._page",
        "scaled_error": "recurra.evaluate._metrics",
        "scaled_squared_error": "recurra.evaluate._metrics",
        "score": "recurra.evaluate._scores",
        "seasonal_error": "recurra.evaluate._metrics",
        "seasonal_naive": "recurra.evaluate._baselines",
        "split_in_time": "recurra.evaluate._split",
        "squared_error": "recurra.evaluate._metrics",
        "symmetric_percentage_error": "recurra.evaluate._metrics",
        "tagging_scores": "recurra.evaluate._tagging",
        "tfidf_logistic": "recurra.evaluate._text_baselines",
        "windows": "recurra.evaluate._split",
    },
)
