from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from cases import bundles
from export.networks import CLASSES, LANGUAGE, TAGS, random_network, write_network
from recurra import runtime
from recurra.blocks import Composition, Dropout, Embedding
from recurra.errors import BundleError, ConfigError, DataError, StateError


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> runtime.Model:
    return runtime.load(bundles.characters(tmp_path_factory.mktemp("bundles") / "letters", num_layers=2))


@pytest.fixture(scope="module")
def two_inputs(tmp_path_factory: pytest.TempPathFactory) -> runtime.Model:
    return runtime.load(bundles.numbers(tmp_path_factory.mktemp("bundles") / "numbers"))


def test_steps_are_the_whole_sequence(model: runtime.Model) -> None:
    assert isinstance(model, runtime.PlainModel)
    letters = np.arange(30) * 7 % 10
    session = model.stream()
    pushed = np.stack([session.push(int(letter)) for letter in letters])
    whole = model.network.run({"letter": letters[None, :, None]})["next"][0]
    np.testing.assert_array_equal(pushed, whole)
    assert session.steps == 30


def test_a_restored_session_goes_on_elsewhere(model: runtime.Model, tmp_path: Path) -> None:
    session = model.stream()
    for letter in (3, 1, 4):
        session.push(letter)
    (tmp_path / "state").write_bytes(session.state())
    program = (
        "import sys; from pathlib import Path; from recurra import runtime\n"
        "session = runtime.load(sys.argv[1]).restore(Path(sys.argv[2]).read_bytes())\n"
        "print(session.steps, session.push(5).tobytes().hex())"
    )
    arguments = [sys.executable, "-c", program, str(model.bundle.path), str(tmp_path / "state")]
    elsewhere = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
    assert elsewhere.split() == ["3", session.push(5).tobytes().hex()]


def test_a_state_is_its_numbers_and_little_more(model: runtime.Model) -> None:
    assert isinstance(model, runtime.PlainModel)
    assert len(model.stream().state()) <= 4 * model.network.state_size + 256


def test_a_fork_goes_its_own_way(model: runtime.Model) -> None:
    session = model.stream()
    session.push(1)
    fork = session.fork()
    np.testing.assert_array_equal(session.fork().push(2), fork.push(2))
    session.push(7)
    assert (session.push(3) != fork.push(3)).any()
    session.reset()
    np.testing.assert_array_equal(session.push(1), model.stream().push(1))


def test_many_at_once_are_each_alone(model: runtime.Model) -> None:
    sessions = [model.stream() for _ in range(40)]
    alone = [model.stream() for _ in range(40)]
    for step in range(3):
        xs = [(i * 3 + step) % 10 for i in range(40)]
        together = model.push_many(sessions, xs)
        for one, x, answer in zip(alone, xs, together, strict=True):
            np.testing.assert_array_equal(one.push(x), answer)
    assert {session.steps for session in sessions} == {3}


def test_one_bad_push_of_many_moves_none(model: runtime.Model) -> None:
    sessions = [model.stream() for _ in range(3)]
    with pytest.raises(DataError, match="push 1: letter is 10; it takes codes, whole numbers: 0 to 9"):
        model.push_many(sessions, [1, 10, 2])
    np.testing.assert_array_equal(sessions[0].push(4), model.stream().push(4))
    with pytest.raises(DataError, match="3 sessions and 1 pushes"):
        model.push_many(sessions, [1])


def test_one_session_twice_is_refused(model: runtime.Model) -> None:
    session = model.stream()
    with pytest.raises(RuntimeError, match="stepping already"):
        model.push_many([session, session], [1, 2])
    assert session.steps == 0


def test_threads_have_sessions_of_their_own(model: runtime.Model) -> None:
    answers: list[list[float]] = [[] for _ in range(4)]

    def follow(place: int) -> None:
        session = model.stream()
        for step in range(200):
            answers[place] = session.push(step % 10).tolist()

    threads = [threading.Thread(target=follow, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers[0] and all(answer == answers[0] for answer in answers)


def test_several_inputs_have_names(two_inputs: runtime.Model) -> None:
    answer = two_inputs.stream().push({"right": 0.5, "left": [1.0, -1.0]})
    assert answer.shape == (3,)
    same = two_inputs.stream().push({"left": np.array([1.0, -1.0]), "right": [0.5]})
    np.testing.assert_array_equal(answer, same)
    with pytest.raises(DataError, match="A push has left; numbers takes left, right"):
        two_inputs.stream().push({"left": [1, 2]})


@pytest.mark.parametrize("x", ["text", [1, 2], float("nan"), float("inf"), None, {"other": 1}, 1.5, -1, [[[]]]])
def test_what_is_no_step_is_refused_and_changes_nothing(model: runtime.Model, x: object) -> None:
    session = model.stream()
    with pytest.raises(DataError):
        session.push(x)
    assert session.steps == 0
    np.testing.assert_array_equal(session.push(1), model.stream().push(1))


def test_states_are_of_one_model_and_whole(model: runtime.Model, two_inputs: runtime.Model) -> None:
    state = model.stream().state()
    with pytest.raises(StateError, match="another model"):
        two_inputs.restore(state)
    with pytest.raises(StateError, match="bytes long"):
        model.restore(state[:-3])
    with pytest.raises(StateError, match="damaged"):
        model.restore(state[:60] + b"?" + state[61:])
    with pytest.raises(StateError, match="aren't a session's state"):
        model.restore(b"text")


def test_what_is_no_state_or_list_is_said(model: runtime.Model) -> None:
    with pytest.raises(StateError, match="of type NoneType"):
        model.restore(None)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ConfigError, match="id"):
        model.stream(id=5)  # pyright: ignore[reportArgumentType]
    with pytest.raises(DataError, match="given PlainSession and int; expected a list of sessions"):
        model.push_many(model.stream(), 1)  # pyright: ignore[reportArgumentType]
    session = model.stream()
    session.push(1)
    assert repr(session) == "<session of 'letters', 1 steps>" and session.options == {}
    assert repr(model) == "<PlainModel 'letters', next from letter>"


def test_what_it_says_is_data(model: runtime.Model, two_inputs: runtime.Model) -> None:
    session = model.stream()
    answer = session.push(2)
    assert model.document(answer) == {"output": answer.tolist()}
    assert model.document(np.array([1.0, np.nan], dtype=np.float32)) == {"output": [1.0, None]}
    assert list(model.rows(session, answer)[0]) == ["step", *(f"output.{i}" for i in range(10))]
    assert two_inputs.spec().columns == ("left.0", "left.1", "right")
    assert two_inputs.spec().example == {"left": [0, 0], "right": [0]}
    with pytest.raises(ConfigError, match="no such option"):
        model.stream(colour="red")


def test_the_inside_of_a_step_is_seen_without_taking_it(model: runtime.Model) -> None:
    session = model.stream()
    session.push(1)
    inside = session.inside(2)
    assert [trace.layer for trace in inside.traces] == [0, 1]
    assert inside.traces[0].values.shape == (1, 3, 24)
    held = session.inside(2, hold={"next.1.z": 1.0})
    np.testing.assert_allclose(inside.answer, session.push(2), rtol=1e-5, atol=1e-6)
    assert np.abs(held.answer - inside.answer).max() > 1e-3
    with pytest.raises(DataError, match="Give the push"):
        session.inside()


def test_it_writes_by_itself(model: runtime.Model, two_inputs: runtime.Model) -> None:
    first = list(model.stream().generate(20, seed=3))
    assert first == list(model.stream().generate(20, seed=3))
    assert set(first) <= set(range(10)) and len(set(first)) > 2
    assert len(set(list(model.stream().generate(20, temperature=0)))) <= 10
    with pytest.raises(ConfigError, match="doesn't generate"):
        next(two_inputs.stream().generate(3))


@pytest.mark.parametrize("composition", [CLASSES, TAGS], ids=["classes", "tags"])
def test_pools_and_paths_go_on_wherever_a_session_goes(composition: Composition, tmp_path: Path) -> None:
    model = runtime.load(write_network(tmp_path / "model", random_network(composition)))
    assert isinstance(model, runtime.PlainModel)
    draw = np.random.default_rng(3)
    pushes = [
        {name: draw.integers(0, 7, width).tolist() for name, width in composition.inputs.items()} for _ in "123456"
    ]
    xs = pushes if len(composition.inputs) > 1 else [push["words"] for push in pushes]
    session = model.stream()
    for x in xs[:3]:
        session.push(x)
    others = [session.fork(), model.restore(session.state())]
    seen = session.inside(xs[3])
    answer = session.push(xs[3])
    np.testing.assert_allclose(seen.answer, answer, rtol=1e-5, atol=1e-6)
    for x in xs[4:]:
        answer = session.push(x)
    for other in others:
        np.testing.assert_array_equal([other.push(x) for x in xs[3:]][-1], answer)
    whole = {name: np.array([[push[name] for push in pushes]]) for name in composition.inputs}
    (expected,) = model.network.run(whole).values()
    np.testing.assert_array_equal(answer, expected[0] if composition == CLASSES else expected[0, -1])
    assert model.document(answer)["output"] == answer.tolist()


def test_a_tie_leads_to_an_embedding_of_as_many_codes() -> None:
    words, rest = LANGUAGE.branches[0], LANGUAGE.branches[1:]
    smaller = words.model_copy(update={"blocks": (Embedding(categories=(11,), sizes=(6,)),)})
    for first in (smaller, words.model_copy(update={"blocks": (Dropout(rate=0.1), *words.blocks)})):
        with pytest.raises(ValueError, match="'tied' is tied to 'embedded', which is no earlier branch"):
            Composition(inputs=LANGUAGE.inputs, branches=(first, *rest))


def test_weights_that_do_not_fit_are_said(tmp_path: Path) -> None:
    from recurra.blocks import Branch, Composition, Linear
    from recurra.bundle import write_bundle

    composition = Composition(inputs={"x": 3}, branches=(Branch(name="y", takes=("x",), blocks=(Linear(size=2),)),))
    write_bundle(
        tmp_path / "bad",
        task="layer",
        config={},
        network=composition.model_dump(mode="json"),
        inputs={},
        data_digest="0" * 64,
        weights={"chains.y.0.weight": np.zeros((2, 4), np.float32), "chains.y.0.bias": np.zeros(2, np.float32)},
        documents={},
    )
    with pytest.raises(BundleError, match="don't fit together"):
        runtime.load(tmp_path / "bad")


def test_a_row_of_its_columns_is_a_push(two_inputs: runtime.PlainModel) -> None:
    row = {"right": "-2", "left.1": 1, "left.0": "0.5"}
    np.testing.assert_array_equal(
        two_inputs.stream().push(row), two_inputs.stream().push({"left": [0.5, 1], "right": -2})
    )
    with pytest.raises(DataError, match=r"left is \['x', 1\]; it takes 2 numbers"):
        two_inputs.stream().push(row | {"left.0": "x"})
