from __future__ import annotations

import importlib
import inspect

import pytest

from recurra.recipes import RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_a_function_and_a_summary(name) -> None:
    recipe = RECIPES[name]
    module, _, function = recipe.home.partition(":")
    repeat = getattr(importlib.import_module(module), function)
    assert list(inspect.signature(repeat).parameters) == ["data", "seed", "progress"]
    assert repeat.__doc__
    assert recipe.summary.endswith(".")
