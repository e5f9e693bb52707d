"""`recurra stream`, run as a program fed by a pipe and, where nothing has to be waited for, in this process."""

from __future__ import annotations

import gzip
import json
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cases import bundles
from cli.conftest import Outcome, Shell
from recurra.cli._lines import CHUNK, LONGEST
from recurra.cli._stream_sessions import Sessions
from recurra.errors import RecurraError
from recurra.runtime import PlainModel, load

Feed = Callable[..., Outcome]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two bundles: `letters` reads a code a row, `numbers` the columns left.0, left.1 and right."""
    folder = tmp_path_factory.mktemp("models")
    bundles.characters(folder / "letters", hidden_size=6)
    bundles.numbers(folder / "numbers")
    return folder


@pytest.fixture
def feed(shell: Shell, models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Feed]:
    """`recurra stream MODEL` on an input that is there from the beginning."""
    opened = []

    def run(model: str, rows: str | bytes, *arguments: str) -> Outcome:
        path = shell.folder / "input"
        path.write_bytes(rows if isinstance(rows, bytes) else rows.encode())
        opened.append(path.open())
        monkeypatch.setattr("sys.stdin", opened[-1])
        return shell("stream", str(models / model), *arguments)

    yield run
    for file in opened:
        file.close()


def expected(model: Path, pushes: list[Any]) -> list[dict[str, Any]]:
    """What is printed of one sequence."""
    loaded = load(model)
    session = loaded.stream()
    return [{"step": step, **loaded.document(session.push(x))} for step, x in enumerate(pushes, 1)]


def parsed(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


ROWS = [[0.5, 1, -2], [3, -0.25, 0], [1, 1, 1]]


@pytest.mark.parametrize(
    "text",
    [
        '{"left": [0.5, 1], "right": -2}\n{"right": [0], "left": [3, -0.25]}\n{"left": [1, 1], "right": 1}\n',
        '{"left.0": 0.5, "left.1": "1", "right": -2}\n[3, -0.25, 0]\n[1,1,1]',
        "0.5 1 -2\n3 -0.25 0\n1 1 1\n",
        "0.5,1,-2\n3,-0.25,0\n1,1,1\n",
        "left.0,left.1,right\n0.5,1,-2\n3,-0.25,0\n1,1,1\n",
        '\ufeffright;"left.1";left.0\r\n-2;1;"0.5"\r\n\r\n0;-0.25;3\r\nright;left.1;left.0\r\n1;1;1\r\n',
        "right\tleft.1\tleft.0\n-2\t1\t0.5\n0\t-0.25\t3\n1\t1\t1\n",
    ],
)
def test_rows_are_read_whatever_they_are_written_in(feed: Feed, models: Path, text: str):
    outcome = feed("numbers", text, "--quiet")
    assert (outcome.code, outcome.err) == (0, "")
    rows = [{"left": row[:2], "right": row[2]} for row in ROWS]
    assert parsed(outcome.out) == expected(models / "numbers", rows)


@pytest.mark.parametrize(
    ("form", "text"), [("json", "3\n[4]\n"), ("csv", "letter\n3\n4\n"), ("csv", "3\n4\n"), ("values", "3\n4\n")]
)
def test_one_value_is_a_row(feed: Feed, models: Path, form: str, text: str):
    assert parsed(feed("letters", text, "--format", form).out) == expected(models / "letters", [3, 4])


@pytest.mark.parametrize("text", ["3\n4\n", "letter\n3\n4\n", "[3]\n4\n", "nothing\n3\n4\n"])
def test_the_first_line_that_is_no_mistake_says_what_lines_are(feed: Feed, models: Path, text: str):
    assert parsed(feed("letters", text).out) == expected(models / "letters", [3, 4])


def test_columns_name_what_has_no_header(feed: Feed, models: Path):
    outcome = feed("numbers", "9,1,2,3\n", "--columns", "note,right,left.1,left.0")
    assert parsed(outcome.out) == expected(models / "numbers", [{"left": [3, 2], "right": 1}])
    refused = feed("numbers", "1\n", "--columns", "a,b")
    assert refused.code == 2
    assert "--columns names a, b, none of which the model reads. It reads left.0, left.1, right." in refused.err


def test_answers_as_csv(feed: Feed, models: Path):
    outcome = feed("numbers", "who,left.0,left.1,right\n甲,1,2,3\n", "--id", "who", "--output", "csv")
    head, row = outcome.out.splitlines()
    assert head == "who,step,output.0,output.1,output.2"
    (answer,) = expected(models / "numbers", [{"left": [1, 2], "right": 3}])
    assert row == ",".join(["甲", "1", *(repr(value) for value in answer["output"])])
    assert outcome.err == "2 lines, 1 sequence, 0 bad lines\n"


def test_each_id_is_a_sequence_and_answers_keep_the_order_of_rows(feed: Feed, models: Path):
    rows = [("a", 1), ("b", 2), ("c", 3), ("a", 4), ("a", 5), ("c", 6), ("b", 7)]
    text = "".join(json.dumps({"who": who, "letter": letter}) + "\n" for who, letter in rows)
    found = parsed(feed("letters", text, "--id", "who").out)
    assert [answer["id"] for answer in found] == [[who] for who, _ in rows]
    for who in "abc":
        own = expected(models / "letters", [letter for name, letter in rows if name == who])
        assert [{"step": a["step"], "output": a["output"]} for a in found if a["id"] == [who]] == own


BAD = b"letter,who\n1,a\n\xff,a\nx,b\n12,a\n2\n3,a\n" + b"4" * (LONGEST + 2) + b',a\n"5,a\n4,a'


def test_bad_lines_are_told_of_and_left_out(feed: Feed, models: Path):
    outcome = feed("letters", BAD, "--id", "who")
    assert outcome.code == 0
    assert [{"step": a["step"], "output": a["output"]} for a in parsed(outcome.out)] == expected(
        models / "letters", [1, 3, 4]
    )
    told = sorted(outcome.err.splitlines())
    assert told[0] == "10 lines, 1 sequence, 6 bad lines"
    for told_line, complaint in zip(
        told[1:],
        [
            "line 3: Byte 1 isn't UTF-8.",
            "line 4: letter is",
            "line 5: letter is",
            "line 6: The row has 1 values; expected 2: letter, who.",
            f"line 8: The line is longer than {LONGEST} bytes.",
            "line 9: '\"5,a' can't be read as CSV",
        ],
        strict=True,
    ):
        assert told_line.startswith(complaint)


def test_a_line_without_end_is_not_kept(feed: Feed, models: Path):
    # Its end comes by itself, after what was kept of it has been cut.
    outcome = feed("letters", b"1" * (LONGEST + CHUNK) + b"\n2\n")
    assert parsed(outcome.out) == expected(models / "letters", [2])
    assert outcome.err.startswith(f"line 1: The line is longer than {LONGEST} bytes.")


def test_strict_stops_at_the_first_bad_line(feed: Feed, models: Path):
    outcome = feed("letters", BAD, "--id", "who", "--strict", "--state", "kept")
    assert (outcome.code, len(parsed(outcome.out))) == (2, 1)
    assert outcome.err.startswith("line 3: Byte 1 isn't UTF-8.")
    assert len(outcome.err.splitlines()) == 1
    # In the middle of rows that are pushed together, those before the bad one are answered too.
    outcome = feed("letters", "letter,who\n1,a\n2,b\n33,c\n4,d\n", "--id", "who", "--strict")
    assert (outcome.code, [a["id"] for a in parsed(outcome.out)]) == (2, [["a"], ["b"]])
    assert outcome.err.startswith("line 4: letter is '33'")
    # What was answered before the bad line is kept, and the sequence goes on from there.
    outcome = feed("letters", "letter,who\n3,a\n", "--id", "who", "--state", "kept", "--quiet")
    assert parsed(outcome.out)[0]["output"] == expected(models / "letters", [1, 3])[1]["output"]


def test_what_is_left_out_is_said_once(feed: Feed):
    outcome = feed("numbers", "left.0,right,volume\n1,2,3\n1,2,4\n")
    remarks = outcome.err.splitlines()
    assert remarks[0] == "The header has no left.1, so no row does."
    unread = "The model doesn't read 'volume'; it reads left.0, left.1, right."
    assert remarks[1] == f"{unread} If it tells sequences apart, pass --id volume."
    assert [remark[:7] for remark in remarks[2:4]] == ["line 2:", "line 3:"]
    outcome = feed("letters", '{"letter": 1, "x": 2}\n{"x": 1}\n{"letter": 1, "x": 2}\n', "--id", "who")
    assert outcome.err.count("The model doesn't read 'x'; it reads letter.\n") == 1
    assert "line 1: The row has letter, x, but no who, which says whose it is." in outcome.err
    assert "line 2: The row has x; the model reads letter." in outcome.err


def test_a_stream_goes_on_where_it_stopped(feed: Feed, models: Path):
    rows = ["1,a", "2,b", "3,a", "4,b", "5,c"]
    whole = feed("letters", "letter,who\n" + "\n".join(rows), "--id", "who").out
    first = feed("letters", "letter,who\n" + "\n".join(rows[:2]), "--id", "who", "--state", "place").out
    second = feed("letters", "letter,who\n" + "\n".join(rows[2:]), "--id", "who", "--state", "place").out
    assert first + second == whole


def test_a_state_that_is_not_of_this_stream_is_refused(feed: Feed, shell: Shell):
    assert feed("letters", "letter,who\n1,a\n", "--id", "who", "--state", "place").code == 0
    kept = (shell.folder / "place").read_bytes()
    for content, model, arguments, complaint in (
        (kept, "numbers", (), "place: This state belongs to another model."),
        (kept[:-3], "letters", (), "place: This state is"),
        (kept[:-1] + b"?", "letters", (), "place: This state is damaged"),
        (b"nonsense", "letters", (), "place: 8 bytes were given that aren't a session's state."),
        (kept, "letters", (), "place keeps sequences by who, and this stream by no id."),
    ):
        (shell.folder / "place").write_bytes(content)
        outcome = feed(model, "1\n", "--state", "place", *arguments)
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err.startswith(complaint)
        assert (shell.folder / "place").read_bytes() == content


def test_history_is_observed_before(feed: Feed, shell: Shell, models: Path):
    (shell.folder / "old.csv").write_text("letter\n1\n2\n77\n")
    outcome = feed("letters", "3\n", "--history", "old.csv", "--state", "place")
    assert parsed(outcome.out) == expected(models / "letters", [1, 2, 3])[2:]
    assert outcome.err.splitlines()[0].startswith("old.csv, line 4: letter is")
    # What was kept knows it already.
    outcome = feed("letters", "4\n", "--history", "old.csv", "--state", "place")
    assert parsed(outcome.out) == expected(models / "letters", [1, 2, 3, 4])[3:]


def test_the_latest_of_rows_that_came_together_is_answered(feed: Feed, models: Path):
    outcome = feed("letters", "letter,who\n1,a\n2,b\n3,a\n4,a\n99,b\n", "--id", "who", "--latest")
    assert [(a["id"], a["step"]) for a in parsed(outcome.out)] == [(["a"], 3)]
    assert parsed(outcome.out)[0]["output"] == expected(models / "letters", [1, 3, 4])[2]["output"]


def test_drift_is_warned_of_once_until_it_is_over(feed: Feed, monkeypatch: pytest.MonkeyPatch):
    document = PlainModel.document
    drifts = iter([None, 1.4, 1.6, 3, 1.5, 2, 1, 1.75])

    def drifting(self: PlainModel, answer: Any) -> dict[str, Any]:
        return document(self, answer) | {"drift": next(drifts)}

    monkeypatch.setattr(PlainModel, "document", drifting)
    outcome = feed("letters", "letter,who\n" + "1,a\n" * 7 + "1,b\n", "--id", "who", "--warn-drift", "1.5", "--quiet")
    assert len(parsed(outcome.out)) == 8
    assert outcome.err.splitlines() == [
        "line 4: errors of a are 1.6 times those of the test part. Fit the model again soon.",
        "line 7: errors of a are 2 times those of the test part. Fit the model again soon.",
        "line 9: errors of b are 1.75 times those of the test part. Fit the model again soon.",
    ]


def test_a_save_that_fails_is_said_and_the_stream_goes_on(
    feed: Feed, models: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
):
    place = shell.folder / "folder" / "place"
    place.parent.mkdir()
    read, write = os.pipe()
    monkeypatch.setattr("sys.stdin", os.fdopen(read))
    real, told = Sessions.save, []

    def fail_once(self: Sessions, path: Path) -> None:
        told.append(path)
        if len(told) == 1:
            os.write(write, b"2\n")
            os.close(write)
            raise RecurraError("The disk is full.")
        real(self, path)

    monkeypatch.setattr(Sessions, "save", fail_once)
    os.write(write, b"1\n")
    # Without a save the input would never end.
    patience = threading.Timer(30, os.close, [write])
    patience.start()
    outcome = shell("stream", str(models / "letters"), "--state", str(place), "--save-every", "0.01")
    patience.cancel()
    sys.stdin.close()
    assert (outcome.code, outcome.err) == (0, "The disk is full.\n2 lines, 1 sequence, 0 bad lines\n")
    assert parsed(outcome.out) == expected(models / "letters", [1, 2])
    assert feed("letters", "3\n", "--state", str(place)).out.startswith('{"step":3,')


def test_too_many_sequences_are_refused(feed: Feed):
    rows = "".join(f"1,{name}\n" for name in "abcdea")
    outcome = feed("letters", "letter,who\n" + rows, "--id", "who", "--limit-sessions", "3")
    assert [a["id"] for a in parsed(outcome.out)] == [["a"], ["b"], ["c"], ["a"]]
    assert "line 5: d would be one more than 3 sequences at once." in outcome.err
    assert outcome.err.endswith("7 lines, 3 sequences, 2 bad lines\n")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--adapt"], "--adapt was given, which letters doesn't have."),
        (["--learn"], "--learn was given, which letters doesn't have."),
        (["--json"], "Unknown option: --json."),
        (["--state", "nowhere/place"], "there is no folder"),
        (["--history", "nowhere.csv"], "--history nowhere.csv: No such file or directory."),
        (["--format", "xml"], "--format"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_row_is_read(feed: Feed, arguments: list[str], complaint: str):
    outcome = feed("letters", "1\n", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert complaint in outcome.err


def test_a_closed_input_is_said(shell: Shell, models: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", None)
    outcome = shell("stream", str(models / "letters"))
    assert (outcome.code, outcome.err[:16]) == (2, "stdin is closed.")


class Program:
    """`recurra stream` as a process of its own."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        program = [sys.executable, "-W", "error", "-m", "recurra.cli", "stream", *arguments]
        # Where it's set, nothing has to be flushed, and a missing flush would not be seen.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=pipe, cwd=cwd, env=environment)
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self.input, self.output, self.errors = self.process.stdin.fileno(), self.process.stdout, self.process.stderr

    def ask(self, text: str) -> dict[str, Any]:
        os.write(self.input, text.encode())
        assert select.select([self.output], [], [], 60)[0], "there is no answer yet"
        return json.loads(self.output.readline())

    def end(self, number: int | None = None) -> tuple[int, str, str]:
        if number is not None:
            self.process.send_signal(number)
            self.process.wait(60)  # before the input ends too
        out, errors = self.process.communicate(timeout=60)
        return self.process.returncode, out.decode(), errors.decode()


@pytest.mark.parametrize(("number", "code", "said"), [(signal.SIGTERM, 0, ""), (signal.SIGINT, 130, "Stopped.\n")])
def test_a_lone_line_is_answered_at_once_and_a_signal_keeps_the_place(
    models: Path, tmp_path: Path, number: int, code: int, said: str
):
    program = Program(str(models / "letters"), "--state", "place", cwd=tmp_path)
    found = [program.ask("letter\n1\n"), program.ask("2\n3")]
    assert not (tmp_path / "place").exists()
    assert program.end(number) == (code, "", "3 lines, 1 sequence, 0 bad lines\n" + said)
    again = Program(str(models / "letters"), "--state", "place", "--quiet", cwd=tmp_path)
    found.append(again.ask("3\n"))
    assert again.end() == (0, "", "")
    assert found == expected(models / "letters", [1, 2, 3])


def test_the_place_is_kept_while_nothing_comes(models: Path, tmp_path: Path):
    program = Program(str(models / "letters"), "--state", "place", "--save-every", "0.05", "--quiet", cwd=tmp_path)
    program.ask("1\n")
    deadline = time.monotonic() + 60
    while not (tmp_path / "place").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    program.process.kill()
    program.end()
    again = Program(str(models / "letters"), "--state", "place", "--quiet", cwd=tmp_path)
    assert again.ask("2\n") == expected(models / "letters", [1, 2])[1]
    assert again.end()[0] == 0


def test_a_reader_that_goes_away_ends_it_quietly(models: Path, tmp_path: Path):
    program = Program(str(models / "letters"), "--state", "place", cwd=tmp_path)
    assert program.ask("1\n")["step"] == 1
    program.output.close()
    os.write(program.input, b"2\n")
    assert program.process.wait(60) == 1
    assert program.errors.read() == b""
    assert (tmp_path / "place").exists()
    for stream in (program.process.stdin, program.errors):
        assert stream is not None
        stream.close()


def test_more_than_fits_a_pipe_is_answered(feed: Feed):
    count = CHUNK // 2 + 1000
    outcome = feed("letters", "1\n" * count, "--output", "csv", "--latest", "--quiet")
    assert [int(line.split(",")[0]) for line in outcome.out.splitlines()[1:]] == [CHUNK // 2, count]


def test_it_starts_at_once_and_without_torch(models: Path):
    program = (
        "import sys; from recurra.cli import main\n"
        f"code = main(['stream', {str(models / 'letters')!r}, '--quiet'])\n"
        "print(code, sorted({'torch', 'polars', 'sklearn', 'fastapi'} & sys.modules.keys()))"
    )
    # Processor time, and the least of a few: other programs on this machine must not decide.
    seconds = []
    for _ in range(4):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-c", program], input="1\n", capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert done.stdout.splitlines()[-1] == "0 []"
    assert min(seconds) < 0.5


def test_a_header_below_is_read_by_and_said_once(feed: Feed, models: Path):
    text = "left.0,left.1,right,note\n0.5,1,-2,a\nright,left.1,left.0,note\n0,-0.25,3,b\n1,1,1,c\n"
    outcome = feed("numbers", text)
    rows = [{"left": row[:2], "right": row[2]} for row in ROWS]
    assert parsed(outcome.out) == expected(models / "numbers", rows)
    assert outcome.err.count("line 3 is another header; rows below are read as right, left.1, left.0, note.") == 1
    assert outcome.err.endswith("5 lines, 1 sequence, 0 bad lines\n")
    # By another delimiter, with other columns beside, and below rows that had no header.
    for first in ("left.0,left.1,right\n0.5,1,-2\n", "0.5,1,-2\n"):
        outcome = feed("numbers", first + "more;right;left.1;left.0\n9;0;-0.25;3\n9;1;1;1\n")
        assert parsed(outcome.out) == expected(models / "numbers", rows)


def test_a_row_that_holds_a_column_name_is_no_header(feed: Feed, models: Path):
    outcome = feed("letters", "who,letter\nletter,1\nwho,2\nletter,3\n", "--id", "who", "--quiet")
    assert [answer["id"] for answer in parsed(outcome.out)] == [["letter"], ["who"], ["letter"]]
    # Even if names are numbers, and if several stand in a row.
    outcome = feed("letters", "letter,1,2\n1,2,1\n2,1,letter\n2,1,1\n", "--id", "1,2", "--quiet")
    assert [answer["id"] for answer in parsed(outcome.out)] == [["2", "1"], ["1", "2"]]
    outcome = feed("letters", "letter,who,shop\n5,who,shop\n", "--id", "who,shop", "--quiet")
    assert [answer["id"] for answer in parsed(outcome.out)] == [["who", "shop"]]


def test_columns_that_are_named_twice_are_refused(feed: Feed):
    outcome = feed("numbers", "left.0,left.1,right,right\n1,2,3,4\n")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "line 1: the header names right twice. Name each column once.\n"
    outcome = feed("letters", '{"letter": 1}\n{"letter": 1, "letter": 2}\n{"letter": 3, "note": "a:b"}\n', "--quiet")
    assert [answer["step"] for answer in parsed(outcome.out)] == [1, 2]
    assert outcome.err == "line 2: The row has letter twice. Name each column once.\n"


@pytest.mark.parametrize("text", ["1,2,3\n1,2\n", "1 2 3\n1 2 x\n", "[1,2,3]\n[1,2,null]\n", "when,x,y\n1,2,3\n"])
def test_a_bad_row_without_names_says_which_order_is_expected(feed: Feed, text: str):
    outcome = feed("numbers", text, "--quiet")
    order = "Rows without names are read as left.0, left.1, right; --columns names another order."
    assert outcome.err.splitlines()[0].endswith(order)
    assert order not in feed("numbers", "right,left.1,left.0\n1,2,x\n", "--quiet").err


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("日期,最低,最高\n1,2,3\n".encode("gbk"), "isn't UTF-8; it looks like GBK. Convert the input: iconv -f GBK"),
        ("jour,température\n".encode("latin-1"), "isn't UTF-8; it looks like WINDOWS-1252."),
        ("left.0,right\n1,2\n".encode("utf-16"), "isn't UTF-8; it looks like UTF-16."),
        ("left.0,right\n1,2\n".encode("utf-16-le"), "isn't UTF-8; it looks like UTF-16LE."),
        (b"\x1f\x8b\x08\x00\n1,2,3\n", "isn't text but compressed."),
        (b"\x00\xff\n1,2,3\n", "isn't text. Send rows of JSON or CSV."),
    ],
)
def test_an_input_that_does_not_begin_with_utf8_is_refused(feed: Feed, text: bytes, complaint: str):
    outcome = feed("numbers", text)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"line 1 {complaint}")


def test_many_bad_lines_of_one_kind_are_counted(feed: Feed):
    outcome = feed("letters", "letter\n1\n" + "x\n2,3\n" * 25, "--quiet")
    told = outcome.err.splitlines()
    assert sum("letter is" in line for line in told) == sum("The row has 2 values" in line for line in told) == 20
    assert (len(told), told[-1]) == (43, "52 lines, 1 sequence, 50 bad lines")
    for line in (43, 44):
        assert f"line {line} is bad for the same reason as 20 lines before; further ones are only counted." in told


def test_an_input_without_a_usable_line_is_an_error(feed: Feed):
    outcome = feed("letters", "letter\nx\ny\n")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.splitlines()[-1].startswith("No line could be used.")
    for rows in ("", "letter\n", "letter\nx\n1\n"):
        assert feed("letters", rows).code == 0


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"letter\nx\n", "--history old.csv: no line of it could be used."),
        (b"", "--history old.csv: no line of it could be used."),
        (gzip.compress(b"letter\n1\n"), "old.csv, line 1 isn't text but compressed."),
    ],
)
def test_a_history_that_cannot_be_used_is_refused(feed: Feed, shell: Shell, content: bytes, complaint: str):
    (shell.folder / "old.csv").write_bytes(content)
    outcome = feed("letters", "1\n", "--history", "old.csv")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.splitlines()[-1].startswith(complaint)


def test_a_full_disk_is_said(models: Path, tmp_path: Path):
    (tmp_path / "rows").write_text("1\n2\n")
    for verb in (["stream", str(models / "letters")], ["predict", str(models / "letters"), "rows"]):
        with Path("/dev/full").open("w") as full, (tmp_path / "rows").open() as rows:
            done = subprocess.run(
                [sys.executable, "-W", "error", "-m", "recurra.cli", *verb],
                stdin=rows,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                cwd=tmp_path,
            )
        complaint = "The output couldn't be written: No space left on device. Make room or send it elsewhere.\n"
        assert (done.returncode, done.stderr) == (2, complaint)
