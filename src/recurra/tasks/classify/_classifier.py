from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from recurra.data._words import many
from recurra.data.text import Documents
from recurra.errors import DataError
from recurra.evaluate import Page, TaskScores, render_page, save_pictures
from recurra.tasks._estimator import Estimator
from recurra.tasks.classify._config import ClassifyConfig, DocumentColumns
from recurra.tasks.classify._fine_tuning import fine_tune
from recurra.tasks.classify._job import Fitted, Measured, computing, fit, measure, measure_others
from recurra.tasks.classify._preparing import Plan, prepare
from recurra.tasks.classify._report import build_page
from recurra.tasks.classify._samples import Samples, read_samples
from recurra.tasks.classify._saving import load_fitted, save_fitted
from recurra.tasks.classify._tables import answer_table

Choices = tuple[tuple[str, object, str], ...]  # name of an option, its value, the reason


class Classifier(Estimator[Fitted]):
    """Puts texts, or series of numbers, into classes by a recurrent network, and says whether that beats the obvious.

    The keywords of the constructor are the fields of `ClassifyConfig`. Data are a table (CSV, Parquet, a frame) with a
    column of texts and one of labels, JSON lines, a folder of folders, lines that begin with their label, or pairs of
    text and label in a list; with `series`, a table with one row a step.

    >>> from recurra import Classifier
    >>> reviews = [("a fine film", "good"), ("a dull film", "bad"), ("fine acting", "good"), ("dull acting", "bad")] * 9
    >>> reviews = [(f"{text} {number}", label) for number, (text, label) in enumerate(reviews)]
    >>> model = Classifier(epochs=8, hidden_size=16, embedding_size=16).fit(reviews, progress="none")
    >>> model.predict(["what a fine plot"])["label"].to_list()
    ['good']

    After `fit`: `scores_` on the test part beside the baselines, `choices_` with reasons, `notes_` on the data,
    `training_` on how it went.
    """

    config_class = ClassifyConfig
    _counted = "texts"
    _save, _load = staticmethod(save_fitted), staticmethod(load_fitted)
    _render, _draw = staticmethod(render_page), staticmethod(save_pictures)

    fitted_: Fitted
    scores_: TaskScores
    choices_: Choices
    notes_: tuple[str, ...]

    def fit(
        self,
        data: Any,
        y: Any = None,
        *,
        checkpoint: Path | None = None,
        resume: bool = False,
        progress: Literal["auto", "none"] = "auto",
        announce: Callable[[tuple[str, ...], Choices], None] | None = None,
    ) -> Self:
        """Train on one part of `data`, calibrate on the next, and score on the last.

        With `y`, as scikit-learn has it, `data` are texts and `y` their labels. `checkpoint` is a file that keeps the
        place in training; with `resume` an interrupted training goes on from it to the result it would have had.
        `announce` is called with the notes on the data and the choices made, before training begins.
        """
        config = self.checked_config()
        samples = read_samples(data if y is None else _paired(data, y), config, needs_labels=True)
        with computing(config):
            plan = prepare(samples, config)
            self.choices_, self.notes_ = plan.choices, plan.notes
            if announce is not None:
                announce(self.notes_, self.choices_)
            self._counted = many(samples.noun)
            display = self._display(progress)
            self.fitted_, self.training_ = fit(plan, checkpoint=checkpoint, resume=resume, progress=display)
            self.choices_ = plan.choices
            self._measured = measure(self.fitted_, plan, self.training_)
        self._plan, self._path = plan, None
        self.scores_ = self._measured.scores
        return self

    def fine_tune(self, data: Any, *, keep_zeros: bool = False, progress: Literal["auto", "none"] = "auto") -> Self:
        """Train a fitted model a little longer on the training part of `data`, best what it was fitted on.

        `scores_` are then of the test part of `data`. With `keep_zeros`, weights that are exactly 0 stay so: for what
        was pruned.
        """
        samples = self._read(data, needs_labels=True)
        display = self._display(progress)
        with computing(self._model.config):
            tuned = fine_tune(self._model, samples, keep_zeros=keep_zeros, progress=display)
        return self._take_tuned(*tuned)

    def predict(self, data: Any) -> Any:
        """A table of texts (or names of series) with label, its probability, and the probability of every label.

        `data` are as for `fit`, without labels; a list of texts will do. A pandas frame gives a pandas frame, else
        polars.
        """
        samples = self._read(data, needs_labels=False)
        return answer_table(samples, self._model.answers, self._probabilities(samples), like=data)

    def predict_proba(self, data: Any) -> np.ndarray:
        """Probabilities (N, L) in the order of `classes_`."""
        return self._probabilities(self._read(data, needs_labels=False))

    @property
    def classes_(self) -> np.ndarray:
        """The labels, in the order of `predict_proba`."""
        return np.array(self._model.answers.labels)

    def evaluate(self, data: Any = None) -> TaskScores:
        """Score the answers to all of `data`, which have labels, beside the shares of labels in training.

        Without `data`, or with those of the fitting, of the test part, beside all baselines.
        """
        if data is None:
            if self._measured is None:
                raise DataError("A loaded model has no data of its own. Pass labelled texts: evaluate(data).")
            return self._measured.scores
        with computing(self._model.config):
            return measure_others(self._model, self._read(data, needs_labels=True)).scores

    def score(self, data: Any, y: Any = None) -> float:
        """Macro-F1 of `evaluate`: larger is better, as scikit-learn's searches expect."""
        return self.headline(self.evaluate(data if y is None else _paired(data, y)))

    @staticmethod
    def headline(scores: TaskScores) -> float:
        """What `score` makes of scores: one number, larger is better."""
        value = scores.metrics[scores.headline]
        return 0.0 if value is None else value

    def _page(self) -> Page:
        assert self._plan is not None and self.training_ is not None and self._measured is not None
        with computing(self._model.config):
            return build_page(self._model, self._plan, self.training_, self._measured)

    _plan: Plan | None = None
    _measured: Measured | None = None

    def _read(self, data: Any, *, needs_labels: bool) -> Samples:
        fitted = self._model
        config = fitted.config.model_copy(update={"values": _columns(fitted)})
        return read_samples(
            data, DocumentColumns.model_validate(config.model_dump(include=_FIELDS)), needs_labels=needs_labels
        )

    def _probabilities(self, samples: Samples) -> np.ndarray:
        with computing(self._model.config):
            return self._model.probabilities(samples)


_FIELDS = set(DocumentColumns.model_fields)


def _columns(fitted: Fitted) -> tuple[str, ...]:
    """The columns of numbers that a model reads; none of texts."""
    return getattr(fitted.inputs, "columns", ())


def _paired(texts: Any, labels: Any) -> Any:
    """Texts and their labels as samples; labels may be lists, of several each."""
    several = [label if isinstance(label, (list, tuple, set)) else None for label in labels]
    multi = any(each is not None for each in several)
    pairs = tuple(
        (str(label),) if each is None else tuple(map(str, each)) for each, label in zip(several, labels, strict=True)
    )
    return Documents([str(text) for text in texts], pairs, multi, "the data", "the data, text {}".format)
