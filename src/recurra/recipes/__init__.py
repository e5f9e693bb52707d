"""Published experiments, one file each: `recurra reproduce NAME`."""

from recurra.recipes._recipe import RECIPES, Figure, Recipe, Reproduction

__all__ = ["RECIPES", "Figure", "Recipe", "Reproduction"]
