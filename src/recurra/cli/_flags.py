from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

from cyclopts import Group, Parameter
from pydantic import BaseModel, create_model


def group_flags(config: type[BaseModel], titles: Mapping[type[BaseModel], str]) -> Any:
    """The same config, with `--help` listing its flags under the title of the class that each field comes from."""
    groups = {home: Group(title, sort_key=place) for place, (home, title) in enumerate(titles.items(), 1)}
    fields: dict[str, Any] = {}
    for name, field in config.model_fields.items():
        home = next(kind for kind in config.__mro__ if name in vars(kind).get("__annotations__", {}))
        grouped = copy(field)
        grouped.metadata = [*field.metadata, Parameter(group=groups[home])]
        fields[name] = (field.annotation, grouped)
    return create_model(config.__name__, __base__=config, **fields)
