from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.errors import ConfigError, DataError, StateError
from recurra.runtime import load
from tasks.classify.conftest import opened
from tasks.classify.reviews import waves

TEXTS = ["a fine film", "", "   ", "AWFUL, isn't it? 🙂👩‍👩‍👧", "a\x00b ไทย العربية e\u0301", "won't n't don't\nnext"]


def test_without_torch_it_answers_alike(one_way, live) -> None:
    assert np.allclose(live.classify(TEXTS), one_way.predict_proba(TEXTS), atol=1e-5)


def test_so_does_one_that_reads_both_ways(classifier, tmp_path_factory) -> None:
    live = opened(classifier, tmp_path_factory)
    assert np.allclose(live.classify(TEXTS), classifier.predict_proba(TEXTS), atol=1e-5)
    with pytest.raises(ConfigError, match="--no-bidirectional"):
        live.stream()


def test_so_does_one_of_numbers(of_numbers, live_numbers) -> None:
    table = waves(6, seed=5, gaps=True)
    series = [group.select("x", "y").to_numpy() for _, group in table.group_by("id", maintain_order=True)]
    assert np.allclose(live_numbers.classify(series), of_numbers.predict_proba(table), atol=1e-5)


def test_a_long_text_is_read_in_parts(one_way, live, monkeypatch) -> None:
    text = "the film of Paris " * 20 + "fine"
    whole = live.classify([text])
    monkeypatch.setattr("recurra.tasks.classify._live.LONGEST", 7)
    monkeypatch.setattr("recurra.tasks.classify._model.LONGEST", 7)
    assert np.allclose(live.classify([text]), whole, atol=1e-5)
    assert np.allclose(one_way.predict_proba([text]), whole, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(
    text=st.text(st.sampled_from("ab fine'tAWFUL.,🙂\n"), max_size=40), cuts=st.lists(st.integers(0, 40), max_size=6)
)
def test_streamed_in_any_chunks_it_is_the_whole_text(live, text, cuts) -> None:
    whole = live.classify([text])[0]
    session = live.stream()
    answer = session.push("")
    ends = [*sorted(min(cut, len(text)) for cut in cuts), len(text)]
    for start, end in zip([0, *ends], ends, strict=False):
        answer = session.push(text[start:end])
        session = live.restore(session.state()).fork()
    given = [answer["probabilities"][label] for label in live.answers.labels]
    assert np.allclose(given, whole, atol=1e-5)
    assert answer["words"] == len(live.inputs.tokeniser.pieces(text)) == live.predict([text])[0].answer["words"]


def test_rows_streamed_are_the_whole_series(of_numbers, live_numbers) -> None:
    table = waves(1, seed=8, gaps=True)
    session = live_numbers.stream()
    for row in table.select("x", "y").to_dicts()[:-1]:
        session.observe(row)
    answer = live_numbers.restore(session.state()).push(table.select("x", "y").row(-1))
    assert answer["rows"] == table.height
    assert answer["label"] == of_numbers.predict(table)["label"][0]
    assert np.isclose(answer["probabilities"]["fast"], of_numbers.predict(table)["p_fast"][0], atol=1e-5)


def test_many_together_are_each_alone(live) -> None:
    pushes = ["a fine", "", "film of", "x"]
    alone = [live.stream() for _ in pushes]
    together = [live.stream() for _ in pushes]
    for round_ in (pushes, pushes[::-1]):
        expected = [session.push(text) for session, text in zip(alone, round_, strict=True)]
        found = live.push_many(together, round_)
        for one, other in zip(expected, found, strict=True):
            assert one["label"] == other["label"]
            assert np.isclose(one["probabilities"]["good"], other["probabilities"]["good"], atol=1e-6)


def test_what_it_says_fits_its_spec(live, live_numbers) -> None:
    for model in (live, live_numbers):
        spec = model.spec()
        answer = model.stream().push(spec.example)
        assert set(spec.answer["required"]) == set(answer)
        assert model.document(answer) == answer
        session = model.stream()
        (row,) = model.rows(session, session.push(spec.example))
        assert row["label"] == answer["label"]


def test_a_look_inside(live) -> None:
    session = live.stream()
    session.push("a ")
    inside = session.inside("fine film")
    assert inside.answer["label"] == session.fork().push("fine film")["label"]
    assert [trace.branch for trace in inside.traces] == ["read"]
    assert (inside.labels, inside.open) == (("fine", "film"), 1)
    assert len(inside.traces[0].hidden) == 2
    assert live.stream().inside("").labels == ("",)
    shut = session.inside("fine film", hold={"i": 0.0, "o": 0.0})
    assert shut.answer["probabilities"] != inside.answer["probabilities"]


def test_wrong_pushes_and_states(live, live_numbers, one_way, tmp_path) -> None:
    with pytest.raises(DataError, match="takes text"):
        live.stream().push(3)
    for x in ([1.0], {"z": 1.0}, {"x": "high", "y": 0}, [float("inf"), 0.0], {}):
        with pytest.raises(DataError, match=r"x, y|numbers"):
            live_numbers.stream().push(x)
    with pytest.raises(StateError):
        live.restore(live.stream().state()[:-3])
    with pytest.raises(StateError):
        live_numbers.restore(live.stream().state())
    with pytest.raises(ConfigError, match="no such option"):
        live.stream(seed=3)
    one_way.save(tmp_path / "model")
    assert one_way.stream().push("a film")["words"] == 2


def test_neither_torch_nor_polars_is_loaded(classifier, tmp_path) -> None:
    classifier.save(tmp_path / "model")
    code = (
        "import sys; from recurra.runtime import load\n"
        f"print(load({str(tmp_path / 'model')!r}).classify(['a fine film']).shape)\n"
        "assert not {'torch', 'polars', 'sklearn', 'scipy'} & sys.modules.keys()"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "(1, 2)\n"
    assert load(tmp_path / "model").task == "classify"
