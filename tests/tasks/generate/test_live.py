from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recurra import runtime
from recurra.errors import ConfigError, DataError, StateError
from tasks.generate.texts import spent

TEXT = "The quick brown fox runs away, and the dog jumps.\nAt night"
fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)


def test_bits_are_those_of_torch(model, fitted):
    reading = model.stream().push(TEXT)
    found = [piece.bits for piece in (*reading.surprise, *reading.open)]
    np.testing.assert_allclose(found, spent(fitted, TEXT), rtol=1e-4, atol=1e-4)
    assert "".join(piece.text for piece in (*reading.surprise, *reading.open)) == TEXT


@fixtures
@given(cuts=st.lists(st.integers(0, len(TEXT)), max_size=5).map(sorted))
def test_any_chunks_say_the_same(model, cuts):
    whole, chunked = model.stream(), model.stream()
    expected = whole.push(TEXT)
    found, reading = [], expected
    for start, stop in zip([0, *cuts], [*cuts, len(TEXT)], strict=True):
        reading = chunked.push(TEXT[start:stop])
        found += reading.surprise
    assert tuple(found) == expected.surprise
    assert reading.open == expected.open
    assert reading.next == expected.next


def test_what_comes_next_are_probabilities(model):
    shares = [share for _, share in model.stream().push("The qu").next]
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1
    assert len(shares) == 10


def test_a_state_goes_on_as_the_session_does(model):
    session = model.stream()
    session.push(TEXT[:23])
    again, fork = model.restore(session.state()), session.fork()
    expected = session.push(TEXT[23:])
    assert again.push(TEXT[23:]) == expected == fork.push(TEXT[23:])
    assert again.state() == session.state()
    session.reset()
    assert session.push(TEXT) == model.stream().push(TEXT)


def test_writing_is_repeatable_and_leaves_the_session_after_it(model):
    def write(**options) -> str:
        session, reader = model.stream(), model.stream()
        session.push("The qu")
        written = [piece.text for piece in session.write(25, **options)]
        # Pieces side by side may read as one piece, so they are read as they were written.
        for piece in (*model.encoder.tokeniser.pieces("The qu"), *written):
            model.writer.read(reader.place, piece)
        assert session.push("").next == model.likeliest(reader.place.answer)
        return "".join(written)

    assert write(temperature=0.7, seed=1) == write(temperature=0.7, seed=1)
    assert len({write(temperature=1.5, seed=seed) for seed in range(4)}) > 1
    assert write(temperature=0) == write(top_k=1) == write(top_p=1e-6)


def test_written_bits_are_what_reading_them_costs(folder):
    model = runtime.load(folder / "characters")
    session, reader = model.stream(), model.stream()
    session.push("The ")
    reader.push("The ")
    written = list(session.write(30, seed=2))
    found = reader.push("".join(piece.text for piece in written)).surprise
    np.testing.assert_allclose([piece.bits for piece in written], [piece.bits for piece in found], rtol=1e-4)


@pytest.mark.parametrize("size", [1, 2, 7])
def test_writing_ends_before_a_stop(folder, size):
    model: Any = runtime.load(folder / "characters")
    free = "".join(model.stream().generate(120, seed=7))
    for start in range(0, 100, 9):
        stop = free[start : start + size]
        expected = free[: free.index(stop)]
        assert "".join(model.stream().generate(120, seed=7, stop=stop)) == expected
        assert "".join(model.stream().generate(120, seed=7, stop=["never", stop])) == expected


def test_what_may_become_a_stop_is_given_when_it_does_not(folder):
    model: Any = runtime.load(folder / "characters")
    free = "".join(model.stream().generate(60, seed=7))
    assert "".join(model.stream().generate(60, seed=7, stop=free[-3:] + "!")) == free


def test_an_unknown_piece_is_read_and_never_written(model):
    session = model.stream()
    reading = session.push("The \u4e2d\u6587 ")
    assert np.isfinite([piece.bits for piece in (*reading.surprise, *reading.open)]).all()
    assert "<unknown>" not in "".join(session.generate(200, temperature=3.0, seed=0))


def test_many_sessions_at_once_say_what_each_says_alone(model):
    sessions = [model.stream() for _ in range(3)]
    texts = ["The quick", {"text": "a lazy dog and"}, ""]
    assert model.push_many(sessions, texts) == [model.stream().push(text) for text in texts]
    assert [session.steps for session in sessions] == [1, 1, 1]


def test_looking_inside_says_what_a_push_says(model):
    session = model.stream()
    session.push("The quick ")
    found = session.inside("brown")
    expected = session.fork().push("brown").next
    assert [piece for piece, _ in found.answer.next] == [piece for piece, _ in expected]
    assert [(trace.branch, trace.layer) for trace in found.traces] == [("read", 0), ("read", 1)]
    pieces = [" brown"] if model.name == "words" else list("brown")
    assert list(found.labels) == pieces and len(found.traces[0].hidden) == len(pieces)
    pushed = session.fork().push("brown")
    assert [piece for piece, _ in found.answer.surprise] == [piece for piece, _ in pushed.surprise]
    assert [bits for _, bits in found.answer.surprise] == pytest.approx([bits for _, bits in pushed.surprise])
    assert session.inside("", hold={"f": 0.0}).traces == () or model.name == "words"
    assert session.inside("brown", hold={"f": 0.0}).answer.next != found.answer.next


def test_answers_as_json(model):
    document = model.document(model.stream().push("The quick "))
    assert document.keys() == {"surprise", "open", "next"}
    assert document["surprise"][0].keys() == {"piece", "bits"}
    assert document["next"][0].keys() == {"piece", "p"}
    session = model.stream()
    assert model.rows(session, session.push("The quick "))[0]["piece"].startswith("T")


@pytest.mark.parametrize("x", [3, None, b"text", {"words": "a"}, {"text": 4}])
def test_what_is_no_text_is_refused(model, x):
    session = model.stream()
    with pytest.raises(DataError, match="reads text"):
        session.push(x)
    with pytest.raises(DataError, match="push 1: "):
        model.push_many([session, model.stream()], ["a", x])
    assert session.steps == 0


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"temperature": -1}, "temperature is -1: expected a number from 0 up"),
        ({"top_k": 0}, "top_k is 0: expected a whole number from 1 up"),
        ({"top_p": 1.5}, "top_p is 1.5: expected a share"),
        ({"stop": ""}, "stop is '': expected text to stop at"),
    ],
)
def test_what_cannot_be_drawn_with_is_refused(model, options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        list(model.stream().generate(5, **options))


def test_options_and_states_of_others_are_refused(model, folder):
    with pytest.raises(ConfigError, match=r"learn: .* has no such option"):
        model.stream(learn=True)
    other = next(runtime.load(folder / name) for name in ("characters", "words") if name != model.name)
    with pytest.raises(StateError):
        model.restore(other.stream().state())


def test_it_works_without_torch(folder):
    code = (
        "import sys; from recurra import runtime\n"
        f"session = runtime.load({str(folder / 'words')!r}).stream()\n"
        "session.push('The quick'); text = ''.join(session.generate(5, seed=1))\n"
        "assert text; assert not {'torch', 'polars', 'sklearn'} & sys.modules.keys()"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
