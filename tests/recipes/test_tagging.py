from __future__ import annotations

from pathlib import Path

import pytest

from recurra.errors import DataError
from recurra.recipes import RECIPES
from recurra.recipes import _tagging as tagging
from tasks.tag.sentences import entities, tiny, write


def test_figures_of_a_small_file(tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "tag" / "wnut17"
    folder.mkdir(parents=True)
    for seed, name in enumerate(("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")):
        write(folder / name, entities(60 if seed == 0 else 10, seed))
    monkeypatch.setattr(tagging, "Tagger", tiny)
    result = RECIPES["wnut17"].run(tmp_path, seed=0, progress="none")
    names = [figure.name for figure in result.figures]
    assert names[:2] == ["most frequent tag: entity F1, %", "most frequent tag: accuracy on unknown words, %"]
    assert {"features: entity F1, %", "entity F1, %"} <= set(names)
    assert all(0 <= figure.ours <= 100 for figure in result.figures)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dh_msra\.txt or tag/msra_ner_zh/dh_msra\.zip"):
        RECIPES["msra-ner"].run(tmp_path, seed=0, progress="none")
