from __future__ import annotations

import pytest

from recurra.errors import DataError
from recurra.evaluate import tagging_scores
from recurra.evaluate._tagging import _as_bio

TRUTH = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-LOC", "B-LOC", "O"]]
FOUND = [["B-PER", "I-PER", "O", "B-PER"], ["O", "B-LOC", "I-LOC", "O"]]
KNOWN = [[True, False, True, False], [True, True, True, True]]
NOTHING = [["O"] * 4, ["O"] * 4]


def test_entities_by_hand():
    scores = tagging_scores("tag", TRUTH, FOUND, {"nothing": NOTHING}, known=KNOWN, scheme="bio")
    # True: PER 0-1, LOC 3; LOC 1, LOC 2. Found: PER 0-1, PER 3; LOC 1-2. One is right.
    assert scores.headline == "entity_f1"
    assert scores.metrics == {
        "entity_f1": pytest.approx(2 / (3 + 4)),
        "entity_precision": pytest.approx(1 / 3),
        "entity_recall": pytest.approx(1 / 4),
        "accuracy": pytest.approx(6 / 8),
        "unknown_accuracy": pytest.approx(1 / 2),
    }
    assert scores.baselines["nothing"] == {
        "entity_f1": 0.0,
        "entity_precision": None,
        "entity_recall": 0.0,
        "accuracy": pytest.approx(3 / 8),
        "unknown_accuracy": 0.0,
    }
    assert scores.tables[0].rows == (
        ("LOC", 0.0, 0.0, 0.0, 0.0, 3),
        ("PER", 0.5, 1.0, pytest.approx(2 / 3), 0.0, 1),
    )
    assert scores.tables[1].rows[1] == ("B-LOC", 1.0, pytest.approx(1 / 3), pytest.approx(0.5), 3, 1)
    assert scores.tables[2].rows == (("B-LOC", "B-PER", 1), ("B-LOC", "I-LOC", 1))
    assert scores.counts == {"sentences": 2, "words": 8, "unknown_words": 2}
    assert scores.verdict.outcome == "unproven"  # two sentences prove nothing


def test_many_sentences_prove_it():
    scores = tagging_scores("tag", TRUTH * 20, FOUND * 20, {"n": NOTHING * 20}, known=KNOWN * 20, scheme="bio")
    assert scores.verdict.beats == ("n",)


def test_without_entities_accuracy_decides():
    scores = tagging_scores(
        "tag", [["NOUN", "X-Y"]], [["NOUN", "O"]], {"b": [["O", "O"]]}, known=[[True, True]], scheme=None
    )
    assert scores.headline == "accuracy"
    assert scores.metrics == {"accuracy": 0.5, "unknown_accuracy": None}
    assert [table.title for table in scores.tables] == ["By tag", "Most often confused"]


def test_iobes_is_read_as_bio():
    tags = ["S-A", "S-A", "B-A", "E-A", "E-A", "O", "I-B", "E-B", "B-B"]
    assert _as_bio(tags, "iobes") == ["B-A", "B-A", "B-A", "I-A", "B-A", "O", "I-B", "I-B", "B-B"]


@pytest.mark.parametrize(("tag", "scheme"), [("NOUN", "bio"), ("S-PER", "bio"), ("B-", "bio"), ("", "iobes")])
def test_other_tags_are_refused(tag, scheme):
    with pytest.raises(DataError, match=f"(?s){tag}.*{scheme.upper()}.*scheme=None"):
        tagging_scores("tag", [[tag]], [["O"]], {"b": [["O"]]}, known=[[True]], scheme=scheme)
