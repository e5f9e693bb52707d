from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cases import bundles, text_bundles
from recurra import runtime
from recurra.errors import DataError
from recurra.runtime import Session, Spec
from serve.running_mean import RunningMean

# What a schema can't say: which bytes are a state.
SCHEMATHESIS = """
[[operations]]
include-path-regex = "restore|snapshot"
[operations.checks.positive_data_acceptance]
enabled = false
"""


def test_it_describes_every_route_with_the_models_own_schemas_and_examples(site):
    document = site.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    push = site.get("/models/mean/spec").json()["push"]
    assert schemas["Push"] == {"description": "One step, as a model takes it.", **push}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], (method, path)
            assert {"403", "429"} <= operation["responses"].keys() and "401" not in operation["responses"]
            if method == "post" and "requestBody" in operation and "restore" not in path:
                assert operation["requestBody"]["content"]["application/json"]["examples"], path
            for parameter in operation.get("parameters", ()):
                assert parameter["description"]
    push = document["paths"]["/sessions/{sid}/push"]["post"]["requestBody"]["content"]["application/json"]
    assert push["examples"] == {"mean": {"value": {"x": 1.5}}}
    assert schemas["PushBody"]["properties"]["x"] == {"$ref": "#/components/schemas/Push"}
    assert "security" not in document["paths"]["/models"]["get"]
    assert "x-recurra" not in str(document) and "ValidationError" not in str(document)


def test_its_examples_work(serve, tmp_path):
    letters = bundles.characters(tmp_path / "letters")
    site = serve(letters, bundles.numbers(tmp_path / "numbers"), load=runtime.load, forget=True)
    document = site.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        body = operations.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json")
        if body is None:
            continue
        for name, example in body["examples"].items():
            model = name if name in ("letters", "numbers") else "letters"
            there = path.format(name=model, sid=site.open(model))
            assert site.post(there, json=example["value"]).status_code in (200, 201), (there, example)
    assert [schema["title"] for schema in document["components"]["schemas"]["Push"]["anyOf"]] == ["letters", "numbers"]


class Shops(RunningMean):
    """It knows several sequences by name."""

    def stream(self, *, id: Sequence[str] = (), **options: Any) -> Session:
        if len(id) != 1:
            raise DataError("A session needs the name of a shop. Give id.")
        return super().stream(**options)

    def spec(self) -> Spec:
        return replace(super().spec(), id_columns=("shop",))


def test_examples_name_a_sequence_where_there_are_several(serve):
    site = serve(forget=True, load=Shops)
    paths = site.get("/openapi.json").json()["paths"]
    for path in ("/models/{name}/sessions", "/models/{name}/predict"):
        example = paths[path]["post"]["requestBody"]["content"]["application/json"]["examples"]["mean"]["value"]
        assert example == {"id": ["shop"], "rows": [1.5]}
        assert site.post(path.format(name="mean"), json=example).status_code in (200, 201)


def test_a_token_stands_in_the_description(serve):
    site = serve(forget=True, token="a-secret")
    site.headers["Authorization"] = "Bearer a-secret"
    document = site.get("/openapi.json").json()
    assert document["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
    assert document["paths"]["/models"]["get"]["security"] == [{"token": []}]
    assert "401" in document["paths"]["/models"]["get"]["responses"]
    assert "security" not in document["paths"]["/health"]["get"]
    assert "401" not in document["paths"]["/health"]["get"]["responses"]


def test_405_names_all_that_can_be_done(site):
    response = site.request("PATCH", "/sessions/x/snapshot")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, PUT")
    assert site.request("POST", "/health").headers["allow"] == "GET, HEAD"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "token"),
    [(bundles.characters, None), (bundles.characters, "a-secret")]
    + [(make, None) for make in (text_bundles.generator, text_bundles.classifier, text_bundles.tagger)],
)
def test_schemathesis_finds_nothing(live, tmp_path, make, token):
    model = make(tmp_path / "model")
    (tmp_path / "schemathesis.toml").write_text(SCHEMATHESIS)
    server = live(model, load=runtime.load, forget=True, token=token)
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{server.address}/openapi.json"]
    command += ["--max-examples=15", "--request-timeout=1", "--no-color", "--seed=4", "--generation-database=none"]
    command += [f"--header=Authorization: Bearer {token}"] if token else []
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout
