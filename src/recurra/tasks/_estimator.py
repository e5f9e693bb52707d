from __future__ import annotations

import difflib
import inspect
from typing import Any, ClassVar

from pydantic import BaseModel, ValidationError
from sklearn.base import BaseEstimator

from recurra.errors import ConfigError


class Estimator(BaseEstimator):
    """scikit-learn's grammar over one frozen config: `get_params`, `set_params`, `clone` and grid search work.

    The constructor's keywords are the fields of `config_class`, kept as given and checked when fitting.
    """

    config_class: ClassVar[type[BaseModel]]

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
