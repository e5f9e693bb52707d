from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from recurra.errors import DataError
from recurra.evaluate import Page, TaskScores, render_page, save_pictures
from recurra.runtime import Network
from recurra.tasks._estimator import Estimator
from recurra.tasks.generate._config import GenerateConfig
from recurra.tasks.generate._fine_tuning import fine_tune
from recurra.tasks.generate._job import Fitted, Measured, Plan, computing, evaluate_on, fit, measure, prepare
from recurra.tasks.generate._live_writing import Writer
from recurra.tasks.generate._report import report_page
from recurra.tasks.generate._saving import load_fitted, save_fitted

Choices = tuple[tuple[str, object, str], ...]  # name of an option, its value, the reason


class Generator(Estimator[Fitted]):
    """Learns to write like a text with a recurrent network, and says whether it predicts it better than n-grams do.

    The keywords of the constructor are the fields of `GenerateConfig`. Data are the path of a text file, packed or not,
    or of a folder of them.

    After `fit`: `scores_` on the last part of the text beside the baselines, `choices_` with reasons, `notes_` on the
    text, `training_` on how it went.
    """

    config_class = GenerateConfig
    _counted = "pieces"
    _save, _load = staticmethod(save_fitted), staticmethod(load_fitted)
    _render, _draw = staticmethod(render_page), staticmethod(save_pictures)

    fitted_: Fitted
    scores_: TaskScores
    choices_: Choices
    notes_: tuple[str, ...]

    def fit(
        self,
        data: str | Path,
        y: None = None,
        *,
        checkpoint: Path | None = None,
        resume: bool = False,
        progress: Literal["auto", "none"] = "auto",
        announce: Callable[[tuple[str, ...], Choices], None] | None = None,
    ) -> Self:
        """Train on the first part of a text, stop early by the next, and score on the last.

        `checkpoint` is a file that keeps the place in training; with `resume` an interrupted training goes on from it
        to the result it would have had. `announce` is called with the notes on the text and the choices made, before
        training begins. `y` is there for scikit-learn and ignored.
        """
        config = self.checked_config()
        plan = prepare(_checked_path(data), config)
        with computing(config, plan.fitted.chosen.hidden_size):
            self.choices_ = tuple((name, value, why) for name, (value, why) in plan.reasons.items())
            self.notes_ = plan.notes
            if announce is not None:
                announce(self.notes_, self.choices_)
            display = self._display(progress)
            self.fitted_, self.training_ = fit(plan, checkpoint=checkpoint, resume=resume, progress=display)
            learnt = plan.codes["training"].codes
            self._measured = measure(self.fitted_, plan.codes["test"], learnt, self.training_)
        self._plan, self._path = plan, None
        self.scores_ = self._measured.scores
        return self

    def fine_tune(
        self, data: str | Path, *, keep_zeros: bool = False, progress: Literal["auto", "none"] = "auto"
    ) -> Self:
        """Train a fitted model a little longer on the first part of a text.

        `scores_` are then of its last part. With `keep_zeros`, weights that are exactly 0 stay so: for what was pruned.
        """
        display = self._display(progress)
        with computing(self._model.config, self._model.chosen.hidden_size):
            tuned = fine_tune(self._model, _checked_path(data), keep_zeros=keep_zeros, progress=display)
        return self._take_tuned(*tuned)

    def predict(
        self,
        prompt: str = "",
        *,
        length: int = 500,
        temperature: float = 0.8,
        seed: int | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: str | Sequence[str] | None = None,
    ) -> str:
        """Up to `length` pieces that may come after a prompt, as text without it."""
        options: dict[str, Any] = {"temperature": temperature, "seed": seed, "top_k": top_k, "top_p": top_p}
        return "".join(self.write(prompt, length=length, stop=stop, **options))

    def write(
        self,
        prompt: str = "",
        *,
        length: int = 500,
        temperature: float = 0.8,
        seed: int | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        stop: str | Sequence[str] | None = None,
    ) -> Iterator[str]:
        """The same piece by piece, as it is drawn."""
        writer = self._writer()
        place = writer.begin()
        for piece in writer.encoder.tokeniser.pieces(prompt):
            writer.read(place, piece)
        options: dict[str, Any] = {"temperature": temperature, "seed": seed, "top_k": top_k, "top_p": top_p}
        return (piece.text for piece in writer.write(place, length, stop=stop, **options))

    def evaluate(
        self, data: str | Path | None = None, *, dynamic: float | None = None, cache: int | None = None
    ) -> TaskScores:
        """Score a text beside the baselines: its test part, if it is the one that was fitted, else all of it.

        Without `data`, what was fitted. With `dynamic` the network learns on while it reads, by gradient descent with
        this rate (dynamic evaluation); with `cache` what followed like places among so many last pieces counts too
        (neural cache). Then the network as it was trained is one of the baselines.
        """
        options: dict[str, Any] = {"dynamic": dynamic, "cache": cache}
        model = self._model
        with computing(model.config, model.chosen.hidden_size):
            if data is not None:
                return evaluate_on(model, _checked_path(data), **options).scores
            if self._measured is not None and dynamic is None and cache is None:
                return self._measured.scores
            if self._plan is None:
                raise DataError("Only a model that was just fitted has a text. Pass the one to score: evaluate(path).")
            codes = self._plan.codes
            return measure(model, codes["test"], codes["training"].codes, self.training_, **options).scores

    def score(self, data: str | Path, y: None = None) -> float:
        """Minus the bits per character, or the perplexity, of `evaluate`: larger is better."""
        return self.headline(self.evaluate(data))

    @staticmethod
    def headline(scores: TaskScores) -> float:
        """What `score` makes of scores: one number, larger is better."""
        value = scores.metrics[scores.headline]
        return float("-inf") if value is None else -value

    def _page(self) -> Page:
        assert self._plan is not None and self.training_ is not None and self._measured is not None
        return report_page(self._plan, self.training_, self._measured, self._writer())

    def _writer(self) -> Writer:
        model = self._model
        weights = {name: tensor.detach().numpy() for name, tensor in model.network.state_dict().items()}
        return Writer(Network(model.composition, weights), model.encoder, model.begin)

    _plan: Plan | None = None
    _measured: Measured | None = None


def _checked_path(data: Any) -> str | Path:
    if not isinstance(data, (str, Path)):
        raise DataError(f"{type(data).__name__} was given; expected the path of a text file, or of a folder of them.")
    return data
