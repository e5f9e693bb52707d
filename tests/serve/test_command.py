from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from cases import bundles
from recurra.cli import main
from recurra.serve import Server


@pytest.fixture
def letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return bundles.characters(tmp_path / "letters")


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The servers that the command made, none of which runs."""
    made: list[Any] = []

    def run(server: Server) -> None:
        made.append(server)
        server._socket.close()
        if server.service._store is not None:
            server.service._store.close()

    monkeypatch.setattr(Server, "run", run)
    return made


def test_it_says_where_it_is_what_it_serves_and_how_to_push(letters, servers, capsys):
    assert main(["serve", "letters", "--port", "0"]) == 0
    said = capsys.readouterr().out
    address = servers[0].address
    assert said.splitlines()[:3] == [
        f"Address   {address}",
        "Model     letters (characters)",
        "Sessions  in recurra-sessions.sqlite, every 5 seconds; --durable keeps every push",
    ]
    assert f"curl --json '{{\"x\": [0]}}' {address}/sessions/SESSION/push" in said


def test_it_says_so_for_programs_too(letters, servers, capsys, monkeypatch):
    monkeypatch.setenv("RECURRA_TOKEN", "a-secret")
    bundles.numbers(letters.with_name("numbers"))
    assert main(["serve", "letters", "numbers", "--port", "0", "--host", "0.0.0.0", "--forget", "--json"]) == 0
    said = capsys.readouterr().out
    assert json.loads(said) == {
        "address": servers[0].address,
        "models": {"letters": "characters", "numbers": "numbers"},
        "sessions": None,
        "durable": False,
    }
    assert servers[0].service.config.token == "a-secret"
    assert servers[0].address.startswith(f"http://{socket.gethostname()}:")


def test_the_token_is_never_printed(letters, servers, capsys):
    assert main(["serve", "letters", "--port", "0", "--token", "a-secret", "--durable"]) == 0
    said = capsys.readouterr()
    assert "a-secret" not in said.out + said.err
    assert '-H "Authorization: Bearer $RECURRA_TOKEN"' in said.out and "before it is answered" in said.out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere"], "nowhere: no such bundle."),
        (["."], "isn't a recurra bundle"),
        (["letters", "letters"], "are both called 'letters'"),
        (["letters", "--host", "0.0.0.0"], "needs a token"),
        (["letters", "--forget", "--durable"], "Leave one of them out."),
        (["letters", "--sessions", "nowhere/file"], "--sessions"),
        (["letters", "--port", "70000"], "--port 70000"),
        (["letters", "--max-sessions", "0"], "--max-sessions 0"),
        ([], "requires an argument"),
    ],
)
def test_what_cannot_be_served_is_one_line_and_exit_code_2(letters, servers, capsys, arguments, complaint):
    port = [] if "--port" in arguments else ["--port", "0"]
    assert main(["serve", *arguments, *port]) == 2
    said = capsys.readouterr()
    assert complaint in said.err and said.err.count("\n") == 1 and said.out == "" and not servers


def test_a_port_in_use_is_one_line(letters, servers, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "letters", "--port", str(port)]) == 2
    assert f"Can't listen on 127.0.0.1:{port}: Address already in use" in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(letters, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", "letters"]) == 2
    assert "pip install 'recurra[serve]'" in capsys.readouterr().err


def test_help_has_an_example(capsys):
    assert main(["serve", "--help"]) == 0
    assert "Example: recurra serve sales-model" in capsys.readouterr().out


@pytest.mark.slow
def test_the_command_serves_a_network_where_there_is_no_torch(letters):
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from recurra.cli import main\n"
        "sys.exit(main(['serve', 'letters', '--port', '0', '--json']))"
    )
    server = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program], stdout=subprocess.PIPE, cwd=letters.parent
    )
    assert server.stdout is not None
    address = json.loads(server.stdout.readline())["address"]
    body = json.dumps({"rows": [1, 2, 3]}).encode()
    request = urllib.request.Request(f"{address}/models/letters/predict", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as response:
        assert len(json.load(response)["answer"]["output"]) == 10
    server.terminate()
    assert server.wait(20) == 0
    server.stdout.close()
