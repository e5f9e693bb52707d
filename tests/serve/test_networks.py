"""Networks behind the server: what is wrong for them is said, and what they say is what they say without a server."""

from __future__ import annotations

import asyncio
import runpy
from pathlib import Path

import numpy as np
import pytest

from cases import bundles
from recurra import runtime


@pytest.fixture
def two(serve, tmp_path):
    paths = (bundles.characters(tmp_path / "letters"), bundles.numbers(tmp_path / "numbers"))
    return serve(*paths, load=runtime.load, sessions=tmp_path / "sessions.sqlite", durable=True)


def test_several_models_at_once_answer_as_without_a_server(two, tmp_path):
    for name, pushes in (("letters", [3, 1, 4, 1]), ("numbers", [{"left": [1, i], "right": [2]} for i in range(4)])):
        session = runtime.load(tmp_path / name).stream()
        expected = [session.push(x) for x in pushes]
        there = two.open(name)
        for x, output in zip(pushes, expected, strict=True):
            np.testing.assert_array_equal(np.float32(two.push(there, x)["answer"]["output"]), output)
        predicted = two.post(f"/models/{name}/predict", json={"rows": pushes}).json()["answer"]["output"]
        np.testing.assert_array_equal(np.float32(predicted), expected[-1])


def test_batches_of_a_network_answer_as_single_pushes(two):
    entries = [two.service.sessions.find(two.open("letters")) for _ in range(30)]

    async def push_all():
        return await asyncio.gather(*(two.service.sessions.push(entry, i % 10) for i, entry in enumerate(entries)))

    answers = two.portal.call(push_all)
    alone = [two.service.shelf.find("letters").model.stream().push(i % 10) for i in range(30)]
    for (_, document), output in zip(answers, alone, strict=True):
        assert document == two.service.shelf.find("letters").document(output)
    assert two.service.metrics.batches["letters"] <= 2


def test_two_forks_look_inside_and_generate(two):
    session = two.open("letters", rows=[1, 2, 3])
    fork = two.post(f"/sessions/{session}/fork").json()["session"]
    seen = two.post(f"/sessions/{session}/inside", json={"x": 4, "hold": {"z": 1.0}}).json()
    trace = seen["traces"][0]
    assert (trace["cell"], trace["gates"], len(trace["values"][0])) == ("gru", ["r", "z", "n"], 3)
    assert set(trace["values"][0][1]) == {1.0}
    assert "hold" in two.refused(422, "options", "POST", f"/sessions/{session}/inside", json={"x": 4, "hold": {"i": 0}})
    two.refused(409, "nothing", "POST", f"/sessions/{session}/inside", json={})
    texts = [two.post(f"/sessions/{each}/generate", json={"steps": 5, "seed": 3}).text for each in (session, fork)]
    assert texts[0] == texts[1] and texts[0].count("event: answer") == 5
    numbers = two.open("numbers")
    two.refused(422, "options", "POST", f"/sessions/{numbers}/generate", json={"steps": 1})


@pytest.mark.parametrize(
    ("model", "x", "word"),
    [
        ("letters", 10, "0 to 9"),
        ("letters", -1, "0 to 9"),
        ("letters", 1.5, "whole numbers"),
        ("letters", "a", "a number"),
        ("letters", None, "a number"),
        ("letters", True, "a number"),
        ("letters", [1, 2], "a number"),
        ("letters", [[1]], "a number"),
        ("letters", 10**400, "a number"),
        ("letters", {"letters": 1}, "letter"),
        ("numbers", {"left": [1], "right": [2]}, "2 numbers"),
        ("numbers", {"left": [1, True], "right": [2]}, "2 numbers"),
        ("numbers", {"left": [1, 1e300], "right": [2]}, "float32"),
        ("numbers", {"left": [1, None], "right": [2]}, "left"),
        ("numbers", {"left": [1, 2]}, "left, right"),
        ("numbers", [1, 2, 3], "left, right"),
        ("numbers", "text", "left, right"),
    ],
)
def test_a_push_that_is_none_is_refused_and_moves_nothing(two, model, x, word):
    session = two.open(model)
    assert word in two.refused(422, "data", "POST", f"/sessions/{session}/push", json={"x": x})
    two.refused(422, "data", "POST", f"/models/{model}/predict", json={"rows": [x]})
    assert two.get(f"/sessions/{session}").json()["steps"] == 0


def test_made_up_states_are_refused(two):
    model = two.service.shelf.find("letters").model
    content = runtime.unseal(model.fingerprint, model.stream().state())
    for made_up in (b"", content[:4], content[:-4], content[:-1], content + b"1234", b"\xff" * 8 + content[8:]):
        state = runtime.seal(model.fingerprint, made_up)
        two.refused(422, "state", "POST", "/models/letters/sessions/restore", content=state)
    two.refused(422, "state", "POST", "/models/numbers/sessions/restore", content=model.stream().state())
    assert len(two.service.sessions) == 0


def test_a_very_long_quotation_is_cut(two):
    session = two.open("letters")
    sentence = two.refused(422, "data", "POST", f"/sessions/{session}/push", json={"x": "long " * 20_000})
    assert len(sentence) < 700 and " … " in sentence


def test_the_example_of_a_network_that_stands_alone_can_be_served(serve, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(Path(__file__).parents[2] / "examples" / "network_bundle.py"))
    site = serve(tmp_path / "letters", load=runtime.load, forget=True)
    answer = site.push(site.open("letters"), 3)["answer"]
    assert len(answer["output"]) == 26


def test_an_empty_message_is_said_to_be_one(two):
    with two.socket(f"/sessions/{two.open('letters')}/ws") as socket:
        socket.send_text("{}")
        assert socket.receive_json() == {"error": "A push has nothing; letters takes letter.", "code": "data"}
