from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurra.errors import DataError, StateError
from recurra.tasks.tag._live import LiveTagger

TEXT = "hello Mr Per1 Per2 near Loc3\nhello near Loc1, Loc2 café 🙂e\u0301 Mr Per7 \r\n\nnear Loc9 Loc9"


def pushed(session: Any, chunks: list[str]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """All words of some pushes, and the best path after the last."""
    answers = [session.push(chunk) for chunk in chunks]
    return [word for answer in answers for word in answer["words"]], answers[-1]["recent"]


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, len(TEXT)), max_size=6))
def test_chunks_do_not_matter(live: LiveTagger, cuts: list[int]) -> None:
    ends = sorted(cuts)
    chunks = [TEXT[start:end] for start, end in zip([0, *ends], [*ends, len(TEXT)], strict=True)]
    assert pushed(live.stream(), chunks) == pushed(live.stream(), [TEXT])


def test_the_best_path_is_that_of_whole_sentences(live: LiveTagger) -> None:
    for line in TEXT.replace("\r", "").split("\n"):
        words = live.encoder.tokeniser.pieces(line)
        recent = live.stream().push(line)["recent"]
        assert [each["word"] for each in recent] == words
        # A line that goes on may end in the middle of an entity; whole sentences may not.
        whole = live.tags([words])[0]
        assert [each["tag"] for each in recent][:-1] == whole[:-1]


def test_a_line_is_a_sentence(live: LiveTagger) -> None:
    fresh, later = live.stream(), live.stream()
    assert [word["word"] for word in later.push("near Loc1 Mr\n\n")["recent"]] == ["near", "Loc1", "Mr"]
    assert fresh.push("hello Loc1 ") == later.push("hello Loc1 ")


def test_the_best_path_of_a_line_that_ended_is_that_of_the_whole(live: LiveTagger) -> None:
    session = live.stream()
    for line in ("near Loc3 Mr", "Mr Per1", "Loc3 near Mr Per2 Mr", "hello"):
        recent = session.push(f"{line}\n")["recent"]
        assert [each["tag"] for each in recent] == live.tags([line.split()])[0]


def test_at_most_32_words_are_read_again(live: LiveTagger) -> None:
    session = live.stream()
    answer = session.push("near Loc1 " * 30)
    assert (len(answer["words"]), len(answer["recent"])) == (60, 32)
    assert len(session.state()) == len(live.stream().state()) + len(session.state()) - len(live.stream().state())
    before = len(session.state())
    session.push("near Loc1 " * 50)
    assert abs(len(session.state()) - before) < 8


def test_state_comes_back_anywhere(live: LiveTagger) -> None:
    for at in (0, 3, 20, 40, len(TEXT)):
        session = live.stream()
        session.push(TEXT[:at])
        other = live.restore(session.state())
        twin = session.fork()
        assert session.push(TEXT[at:]) == other.push(TEXT[at:]) == twin.push(TEXT[at:])
        assert (session.steps, session.state()) == (2, other.state())


def test_states_of_others_are_refused(live: LiveTagger) -> None:
    from recurra.runtime import seal

    with pytest.raises(StateError):
        live.restore(b"nothing")
    for content in (b"", b"\x02" + bytes(7) + b"{}", b"\xff" * 20):
        with pytest.raises(StateError, match="isn't one of"):
            live.restore(seal(live.fingerprint, content))


def test_many_at_once_are_as_each_alone(live: LiveTagger) -> None:
    chunks = [TEXT[:30], "", "hello", "x\ny\nz w ", TEXT]
    many, alone = [live.stream() for _ in chunks], [live.stream() for _ in chunks]
    for _ in range(2):
        assert live.push_many(many, chunks) == [
            session.push(chunk) for session, chunk in zip(alone, chunks, strict=True)
        ]
    assert [session.state() for session in many] == [session.state() for session in alone]
    with pytest.raises(DataError, match="push 1: A push is 3"):
        live.push_many(many[:2], ["a", 3])


def test_inside_is_what_a_push_would_say(live: LiveTagger) -> None:
    session = live.stream()
    session.push("hello Mr ")
    before = session.state()
    inside = session.inside("Per1 Per2")
    assert session.state() == before
    assert inside.answer == session.push("Per1 Per2")
    assert (inside.labels, inside.open) == (("Per1", "Per2"), 1)
    (trace,) = inside.traces
    assert (trace.cell, trace.hidden.shape[0]) == ("lstm", 2)
    shut = live.stream().inside("hello Mr Per1", hold={"o": 0.0})
    assert not shut.traces[0].hidden.any()
    nothing = live.stream().inside(" ")
    assert (nothing.answer, nothing.traces) == ({"words": [], "recent": [], "open": 0}, ())
    long = live.stream().inside("hello " * 60)
    lines = live.stream().inside("hello Mr\nPer1 P")
    assert lines.answer == live.stream().push("hello Mr\nPer1 P")
    assert (lines.labels, lines.open) == (("hello", "Mr", "Per1", "P"), 1)
    assert [word["word"] for word in lines.answer["recent"]] == ["Per1", "P"]
    assert long.labels == ("hello",) * 48 and long.traces[0].values.shape[0] == 48
    with pytest.raises(DataError, match="inside\\(text\\)"):
        session.inside()


def test_inside_begins_lines_as_a_push_does(live: LiveTagger) -> None:
    session = live.stream()
    for chunk in ("hello Mr Per1 Per2\n", "Loc3 ", "near Loc1\n\n", "", "\n", "Per1 Per2\nMr", " Loc3 x"):
        assert session.inside(chunk).answer == session.push(chunk)
    fresh, later = live.stream(), live.stream()
    later.push("hello Mr Per1\n")
    one, other = fresh.inside("Loc3"), later.inside("Loc3")
    assert (one.traces[0].values == other.traces[0].values).all()


def test_odd_text_survives(live: LiveTagger) -> None:
    text = "\0 שלום 🇩🇪👨‍👩‍👧 e\u0301 \ud83d x"
    words = [each["word"] for each in live.stream().push(text + "\n")["words"]]
    assert "".join(words) == "".join(text.split())
    session = live.stream()
    session.push(text)
    assert live.restore(session.state()).push("\n") == session.push("\n")
