from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One number of an experiment, beside what was published for it, if anything was."""

    name: str
    ours: float
    published: float | None = None


@dataclass(frozen=True)
class Reproduction:
    """What came of repeating an experiment."""

    figures: tuple[Figure, ...]
    sentence: str  # whether the published figures were reached
    model: Any  # the fitted estimator


@dataclass(frozen=True)
class Recipe:
    """A published experiment: what it shows, and the function that repeats it.

    `home` is "module:function", imported when the recipe runs. The function takes the folder of data, and by keyword
    the seed and how to show progress ("auto", "plain" or "none"); it gives a `Reproduction`.
    """

    summary: str
    home: str

    def run(self, data: Path, *, seed: int, progress: str) -> Reproduction:
        """Repeat the experiment on the data in this folder."""
        module, _, function = self.home.partition(":")
        repeat: Any = getattr(importlib.import_module(module), function)
        return repeat(data, seed=seed, progress=progress)


# `recurra reproduce NAME`, one file of this room each.
RECIPES: dict[str, Recipe] = {
    "etth1-96": Recipe("Transformer temperatures by the hour, 96 hours ahead.", "recurra.recipes._ett:etth1"),
    "ettm1-96": Recipe("Transformer temperatures by the quarter hour, 96 ahead.", "recurra.recipes._ett:ettm1"),
    "m4-hourly": Recipe("The hourly series of the M4 competition, 48 hours ahead.", "recurra.recipes._m4:m4_hourly"),
    "sst2-phrases": Recipe(
        "Sentiment of film reviews, SST-2, learnt from phrases.", "recurra.recipes._text_classification:sst2_phrases"
    ),
    "airline-tweets": Recipe(
        "Sentiment of tweets to airlines, three classes.", "recurra.recipes._text_classification:airline_tweets"
    ),
    "chnsenticorp": Recipe("Sentiment of Chinese hotel reviews.", "recurra.recipes._text_classification:chnsenticorp"),
    "ewt-upos": Recipe("Parts of speech of the English Web Treebank.", "recurra.recipes._tagging:ewt_upos"),
    "wnut17": Recipe("Emerging entities in English posts, WNUT 2017.", "recurra.recipes._tagging:wnut17"),
    "msra-ner": Recipe("Entities in Chinese news, by characters.", "recurra.recipes._tagging:msra_ner"),
    "ptb-small": Recipe("Words of the Penn Treebank, 2 x 200 units.", "recurra.recipes._language:ptb_small"),
    "tinyshakespeare": Recipe(
        "Characters of Shakespeare's plays, and a sample.", "recurra.recipes._language:tinyshakespeare"
    ),
}
