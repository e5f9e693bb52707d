from __future__ import annotations

import difflib
import inspect
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel, ValidationError
from sklearn.base import BaseEstimator

from recurra.errors import ConfigError
from recurra.runtime import Session, load
from recurra.train import Progress, TrainingResult, show_progress

Fitted = TypeVar("Fitted")


class Estimator(BaseEstimator, Generic[Fitted]):
    """scikit-learn's grammar over one frozen config: `get_params`, `set_params`, `clone` and grid search work.

    The constructor's keywords are the fields of `config_class`, kept as given and checked when fitting. What fitting
    made is in `fitted_`, which `_save` and `_load` keep; what its report shows is a `_page`.
    """

    config_class: ClassVar[type[BaseModel]]
    _counted: str = "samples"  # what progress counts
    _save: ClassVar[Callable[..., None]]
    _load: ClassVar[Callable[[str | Path], tuple[Any, Any]]]
    _render: ClassVar[Callable[[Any], str]]  # a page as HTML
    _draw: ClassVar[Callable[[str | Path, Any], list[Path]]]  # its pictures as PNG

    fitted_: Fitted
    scores_: Any
    training_: TrainingResult | None = None
    _plan: Any = None
    _measured: Any = None
    _path: Path | None = None  # of the bundle that holds it as it is

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)

        def __init__(self: Estimator, **options: Any) -> None:
            fields = cls.config_class.model_fields
            for name in options:
                if name not in fields:
                    raise ConfigError(f"{cls.__name__} has no option {name!r}.{_suggest(name, list(fields))}")
            for name, field in fields.items():
                setattr(self, name, options.get(name, field.default))

        parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
        parameters += [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.annotation)
            for name, field in cls.config_class.model_fields.items()
        ]
        __init__.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
        __init__.__doc__ = "Options by keyword:\n\n" + "\n".join(
            f"{name}: {field.description} (default {field.default!r})"
            for name, field in cls.config_class.model_fields.items()
        )
        cls.__init__ = __init__  # pyright: ignore[reportAttributeAccessIssue]

    def checked_config(self) -> Any:
        """The options as one frozen config. Raises ConfigError that names the option."""
        return check_config(self.config_class, self.get_params(deep=False))

    def stream(self, **options: Any) -> Session:
        """A session that takes data as they come, of a model that was saved or loaded."""
        if self._path is None:
            raise ConfigError("To stream, a model must be saved: model.save(path), then recurra.load(path).stream().")
        return load(self._path).stream(**options)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the model as a bundle: a folder of manifest, weights, preprocessing, scores and report.

        One that was fine-tuned has the scores that it has now, and no report.
        """
        report = None if self._measured is None or self._plan is None else self.report_html()
        type(self)._save(path, self._model, self.scores_, report, overwrite=overwrite)
        self._path = Path(path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a bundle back."""
        fitted, scores = cls._load(path)
        model = cls(**dict(fitted.config))
        model.fitted_, model.scores_, model._path = fitted, scores, Path(path)
        return model

    def report_html(self) -> str:
        """The report on the fitting as one HTML page."""
        return type(self)._render(self._checked_page())

    def plot(self, folder: str | Path) -> list[Path]:
        """Save the report's plots as PNG files in `folder`."""
        return type(self)._draw(folder, self._checked_page())

    def _take_tuned(self, fitted: Fitted, measured: Any) -> Self:
        """Go on as what fine-tuning made, with scores of its own."""
        self.fitted_, self._measured, self.scores_ = fitted, measured, measured.scores
        self._plan = self._path = None
        return self

    @abstractmethod
    def _page(self) -> Any:
        """What the report on the fitting shows."""

    def _checked_page(self) -> Any:
        if self._plan is None or self._measured is None:
            raise ConfigError(
                "Only fit makes a report: a loaded model has it in its bundle, report.html; a fine-tuned one has none."
            )
        return self._page()

    @property
    def _model(self) -> Fitted:
        if not hasattr(self, "fitted_"):
            name = type(self).__name__
            raise ConfigError(f"This {name} is not fitted yet. Call fit(data) first, or recurra.load(path).")
        return self.fitted_

    def _display(self, progress: str) -> Progress | None:
        """What shows training, where it is to be shown."""
        task = type(self).__module__.split(".")[-2]
        return show_progress(task, counted=self._counted) if progress == "auto" else None


def check_settled(config: BaseModel, sizes: Mapping[str, object], by: str) -> None:
    """ConfigError where an option was given and isn't what `by`, such as "v.txt", settles: `sizes`, by option."""
    for name, value in sizes.items():
        given = getattr(config, name)
        if given not in (value, type(config).model_fields[name].default):
            raise ConfigError(f"{name} is {given!r}, but {by} has {value!r}. Leave {name} out, or give another file.")


def check_config(config_class: type[BaseModel], options: dict[str, Any]) -> Any:
    """Build a config, or say in one line which option is wrong."""
    try:
        return config_class(**options)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "options"
        raise ConfigError(f"{name} is {first['input']!r}: {first['msg'].removeprefix('Value error, ')}.") from error


def _suggest(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {near[0]!r}?" if near else f" Options: {', '.join(names)}."
