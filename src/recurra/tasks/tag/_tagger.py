from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self

from recurra.data.text import Tagged, read_tagged
from recurra.errors import DataError
from recurra.evaluate import Page, TaskScores, render_page, save_pictures
from recurra.tasks._estimator import Estimator
from recurra.tasks._training import computing
from recurra.tasks.tag._choices import choose_threads
from recurra.tasks.tag._config import TagConfig
from recurra.tasks.tag._fine_tuning import fine_tune
from recurra.tasks.tag._job import Fitted, Measured, Plan, fit, measure, measure_test, prepare
from recurra.tasks.tag._parts import read_sentences
from recurra.tasks.tag._report import report_page
from recurra.tasks.tag._saving import load_fitted, save_fitted

Choices = tuple[tuple[str, object, str], ...]  # name of an option, its value, the reason
Words = list[tuple[str, str]]  # of a sentence, each with its tag


class Tagger(Estimator[Fitted]):
    """Tags the words of sentences with a recurrent network, and says whether that beats the obvious.

    The keywords of the constructor are the fields of `TagConfig`. Data are a path (CoNLL-U; a word and its tag on each
    line) or a list of sentences, each a pair of words and tags.

    >>> from recurra import Tagger
    >>> sentences = [(["the", noun, verb], ["DET", "NOUN", "VERB"]) for noun in "abcdefgh" for verb in "xyz"]
    >>> model = Tagger(epochs=1, hidden_size=4, word_size=4).fit(sentences, progress="none")
    >>> [[word for word, tag in sentence] for sentence in model.predict(["the b x"])]
    [['the', 'b', 'x']]

    After `fit`: `scores_` on the test part beside the baselines, `choices_` with reasons, `notes_` on the data,
    `training_` on how it went.
    """

    config_class = TagConfig
    _counted = "sentences"
    _save, _load = staticmethod(save_fitted), staticmethod(load_fitted)
    _render, _draw = staticmethod(render_page), staticmethod(save_pictures)

    fitted_: Fitted
    scores_: TaskScores
    choices_: Choices
    notes_: tuple[str, ...]

    def fit(
        self,
        data: Any,
        y: None = None,
        *,
        checkpoint: Path | None = None,
        resume: bool = False,
        progress: Literal["auto", "none"] = "auto",
        announce: Callable[[tuple[str, ...], Choices], None] | None = None,
    ) -> Self:
        """Train on the training part of `data`, keep what tags the validation part best, and score on the test part.

        `checkpoint` is a file that keeps the place in training; with `resume` an interrupted training goes on from it
        to the result it would have had. `announce` is called with the notes on the data and the choices made, before
        training begins. `y` is there for scikit-learn and ignored: tags come with the words.
        """
        config = self.checked_config()
        plan = prepare(data, config)
        self.choices_ = tuple((name, value, why) for name, (value, why) in plan.reasons.items())
        self.notes_ = plan.notes
        if announce is not None:
            announce(self.notes_, self.choices_)
        display = self._display(progress)
        assert plan.training.threads is not None
        with computing(plan.training.threads, small=False):
            self.fitted_, self.training_ = fit(plan, checkpoint=checkpoint, resume=resume, progress=display)
            self._measured = measure_test(self.fitted_, plan.parts, self.training_)
        self._plan, self._path = plan, None
        self.scores_ = self._measured.scores
        return self

    def fine_tune(self, data: Any, *, keep_zeros: bool = False, progress: Literal["auto", "none"] = "auto") -> Self:
        """Train a fitted model a little longer on the training part of `data`.

        `scores_` are then of the test part of `data`. With `keep_zeros`, weights that are exactly 0 stay so: for what
        was pruned.
        """
        display = self._display(progress)
        return self._take_tuned(*fine_tune(self._model, data, keep_zeros=keep_zeros, progress=display))

    def predict(self, data: Any) -> list[Words]:
        """The words of each sentence with their tags.

        `data` is a file (CoNLL-U, a word on each line, or text with a sentence on each line), a text, or a list of
        texts or of lists of words.
        """
        fitted = self._model
        tagged = self._read(data)
        words = [sentence.words for sentence in tagged.sentences]
        with computing(choose_threads(sum(map(len, words)), fitted.config), small=False):
            tags = [fitted.labels.write(each) for each in fitted.model.tags(words)]
        return [list(zip(sentence, each, strict=True)) for sentence, each in zip(words, tags, strict=True)]

    def evaluate(self, data: Any = None) -> TaskScores:
        """Score tags of sentences that weren't learnt from, beside the tag that each word had most often in training.

        Without `data`, of the test part of what was fitted. Of the very file that was fitted, its test part only.
        """
        if data is None:
            return self.scores_
        fitted = self._model
        return measure(fitted, read_sentences(data, None, usual=fitted.column)).scores

    def score(self, data: Any, y: None = None) -> float:
        """The accuracy of `evaluate`, or the F1 of entities where tags spell them."""
        return self.headline(self.evaluate(data))

    @staticmethod
    def headline(scores: TaskScores) -> float:
        """What `score` makes of scores: one number, larger is better."""
        return scores.metrics[scores.headline] or 0.0

    def _page(self) -> Page:
        assert self._plan is not None and self.training_ is not None and self._measured is not None
        return report_page(self._model, self._plan, self.training_, self._measured, self.choices_, self.notes_)

    _plan: Plan | None = None
    _measured: Measured | None = None

    def _read(self, data: Any) -> Tagged:
        tokeniser = self._model.encoder.tokeniser
        if isinstance(data, str) and not Path(data).is_file():
            data = [data]
        if isinstance(data, (str, Path, Tagged)):
            return read_tagged(data, column=None, needs_tags=False, tokeniser=tokeniser)
        if not isinstance(data, (list, tuple)):
            raise DataError(f"{type(data).__name__} was given; expected a file, a text, or a list of texts or words.")
        sentences = [tokeniser.pieces(each) if isinstance(each, str) else each for each in data]
        return read_tagged(sentences, needs_tags=False)
