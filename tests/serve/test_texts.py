"""Models of texts behind the server: whole texts, chunks of one, and writing on."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from cases import text_bundles
from recurra import runtime
from recurra.serve._limits import steps_of


@pytest.fixture
def texts(serve, tmp_path):
    bundles = [
        text_bundles.generator(tmp_path / "writer"),
        text_bundles.classifier(tmp_path / "reviews"),
        text_bundles.classifier(tmp_path / "both", bidirectional=True),
        text_bundles.series_classifier(tmp_path / "waves", bidirectional=True),
        text_bundles.tagger(tmp_path / "tagger"),
    ]
    return serve(*bundles, load=runtime.load, sessions=tmp_path / "sessions.sqlite", durable=True)


def events(response: Any) -> list[tuple[str, dict[str, Any]]]:
    """Names and data of server-sent events."""
    parts = [dict(line.split(": ", 1) for line in part.split("\n")) for part in response.text.strip().split("\n\n")]
    return [(part["event"], json.loads(part["data"])) for part in parts]


@pytest.mark.parametrize("name", ["writer", "reviews", "both", "tagger"])
def test_each_row_of_a_prediction_is_a_text(texts, tmp_path, name):
    rows = ["the film is fine", {"text": "not the dog"}, ""]
    spec = texts.get(f"/models/{name}/spec").json()
    assert (spec["whole"], bool(spec["obstacle"])) == (True, name == "both")
    said = texts.post(f"/models/{name}/predict", json={"rows": rows}).json()
    model = runtime.load(tmp_path / name)
    found = model.predict(rows)
    assert said["answers"] == json.loads(json.dumps([model.document(each.answer) for each in found]))
    assert [row["row"] for row in said["rows"]] == [place for place, each in enumerate(found) for _ in each.rows]
    assert {row["row"] for row in said["rows"]} >= {0, 1} and "answer" not in said
    sentence = texts.refused(422, "data", "POST", f"/models/{name}/predict", json={"rows": ["a", 3]})
    assert sentence.startswith("row 1: A push is 3; ")
    texts.refused(422, "options", "POST", f"/models/{name}/predict", json={"rows": ["a"], "id": ["x"]})


def test_models_that_read_both_ways_answer_whole_sequences_only(texts):
    sentence = texts.refused(422, "options", "POST", "/models/both/sessions", json={})
    assert "--no-bidirectional" in sentence and texts.get("/models/both/spec").json()["obstacle"] == sentence
    rows = [{"x": 1.0, "y": None}, {"x": -1.0, "y": 2.0}]
    said = texts.post("/models/waves/predict", json={"rows": rows}).json()
    assert said["answer"]["rows"] == 2 and len(said["rows"]) == 1


def test_a_text_may_come_in_chunks_and_is_seen_from_within(texts, tmp_path):
    session = texts.open("reviews")
    for chunk in ("the fi", "lm is", " fine"):
        answer = texts.push(session, chunk)["answer"]
    whole = texts.post("/models/reviews/predict", json={"rows": ["the film is fine"]}).json()["answers"][0]
    assert answer["label"] == whole["label"]
    assert answer["probabilities"] == pytest.approx(whole["probabilities"], abs=1e-5)
    seen = texts.post(f"/sessions/{session}/inside", json={"x": " and great"}).json()
    assert (seen["labels"], seen["open"]) == (["fine", "and", "great"], 1)
    assert [len(trace["hidden"]) for trace in seen["traces"]] == [3]


def test_writing_sends_pieces_with_their_bits(texts):
    session = texts.open("writer", rows=["the "])
    wishes = {"steps": 30, "seed": 3, "top_k": 5, "top_p": 0.9, "temperature": 0.7}
    said = events(texts.post(f"/sessions/{session}/generate", json=wishes))
    assert [kind for kind, _ in said] == ["answer"] * 30 + ["end"]
    pieces = [data["answer"] for _, data in said[:-1]]
    assert all(set(piece) == {"piece", "bits"} and piece["bits"] >= 0 for piece in pieces)
    text = "".join(piece["piece"] for piece in pieces)
    # They are what the text costs that was read instead.
    cost = texts.post("/models/writer/predict", json={"rows": ["the " + text]}).json()["answers"][0]["surprise"][4:]
    assert [piece["bits"] for piece in pieces] == pytest.approx([piece["bits"] for piece in cost], abs=1e-3)
    assert texts.get(f"/sessions/{session}").json()["steps"] == 31
    other = texts.open("writer", rows=["the "])
    stopped = events(texts.post(f"/sessions/{other}/generate", json={**wishes, "stop": [text[7:9]]}))
    assert "".join(data["answer"]["piece"] for _, data in stopped[:-1]) == text[: text.index(text[7:9])]


WISHES = {
    "steps": (100_001, 0),
    "top_k": (0,),
    "top_p": (0, 1.5),
    "stop": ([""], "a", ["a"] * 9, ["a" * 201]),
    "temperature": (101,),
}


@pytest.mark.parametrize("wishes", [{name: value} for name, values in WISHES.items() for value in values], ids=str)
def test_wishes_that_cannot_be(texts, wishes):
    texts.refused(422, "request", "POST", f"/sessions/{texts.open('writer')}/generate", json=wishes)


def test_models_that_do_not_write_say_so(texts):
    session = texts.open("reviews")
    assert "generate" in texts.refused(422, "options", "POST", f"/sessions/{session}/generate", json={})
    assert "write" in texts.refused(422, "options", "POST", f"/sessions/{session}/generate", json={"stop": ["a"]})


def test_a_long_text_counts_as_many_steps(serve, tmp_path, monkeypatch):
    monkeypatch.setattr("recurra.serve._limits.time", SimpleNamespace(monotonic=lambda: 0.0))
    assert [steps_of([x]) for x in ("a", "a" * 32, {"text": "a" * 160}, ["a" * 16], [1, 2], None)] == [
        1,
        3,
        11,
        2,
        1,
        1,
    ]
    site = serve(text_bundles.tagger(tmp_path / "tagger"), load=runtime.load, forget=True, rate=500, max_body=40_000)
    session = site.open("tagger")
    assert site.post(f"/sessions/{session}/push", json={"x": "dog " * 1800}).status_code == 200
    sentence = site.refused(429, "rate", "POST", "/models/tagger/predict", json={"rows": ["dog " * 1800]})
    assert "Wait" in sentence
    site.refused(413, "size", "POST", "/models/tagger/predict", json={"rows": ["dog " * 12_000]})


def test_a_long_push_goes_alone_and_says_the_same(texts):
    text = "the film is fine and the dog is not dull. " * 200
    pushed = texts.push(texts.open("writer"), text)["answer"]
    assert pushed == texts.post("/models/writer/predict", json={"rows": [text]}).json()["answers"][0]


def test_its_description_is_of_texts(texts):
    document = texts.get("/openapi.json").json()
    paths, schemas = document["paths"], document["components"]["schemas"]
    body = paths["/sessions/{sid}/generate"]["post"]["requestBody"]["content"]["application/json"]
    assert body["examples"]["writer"]["value"]["stop"] == ["\n\n"]
    assert "both" not in paths["/models/{name}/sessions"]["post"]["parameters"][0]["schema"]["enum"]
    assert "both" in paths["/models/{name}/predict"]["post"]["parameters"][0]["schema"]["enum"]
    assert {"answer", "answers"} <= schemas["Prediction"]["properties"].keys()
    for path, operations in paths.items():
        body = operations.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json")
        for name, example in (body or {"examples": {}})["examples"].items():
            model = name if name in ("writer", "reviews", "both", "waves", "tagger") else "writer"
            there = path.format(name=model, sid=texts.open(model) if "{sid}" in path else "")
            assert texts.post(there, json=example["value"]).status_code in (200, 201), (there, example)


def test_what_nothing_can_do_is_not_described(serve, tmp_path):
    site = serve(text_bundles.tagger(tmp_path / "tagger"), load=runtime.load, forget=True)
    document = site.get("/openapi.json").json()
    assert "/sessions/{sid}/generate" not in document["paths"]
