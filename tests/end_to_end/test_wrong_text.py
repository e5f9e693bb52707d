"""Text that can't be learnt from: one clear line and exit code 2. Odd text that can: kept to the last sign."""

from __future__ import annotations

import csv
import json

import pytest

from end_to_end.conftest import Terminal, text_files
from end_to_end.test_wrong_input import assert_refused

FEW = "".join(f"a {('fine', 'dull')[at % 2]} film no {at},{('good', 'bad')[at % 2]}\n" for at in range(40))
FRENCH = f"text,label\n{FEW}".replace("film", "été").encode()
WORDS = "".join(f"the\tDET\nno{at}\tNOUN\n\n" for at in range(40))
ODD = (
    "👨‍👩‍👧 and 🇫🇷 smile",
    "e\u0301te\u0301 has combining marks",
    "مرحبا بالعالم is read from the right",
    "here \0 stands NUL",
    "the end of it is é",
)

# the command, the files, and the line that says what is wrong
REFUSED = {
    "no such label": (
        ("classify", "a.csv", "--label", "lable"),
        {"a.csv": f"text,label\n{FEW}"},
        r"a\.csv has no column 'lable' \(asked for as label\)\. Did you mean 'label'\?.*",
    ),
    "one label": (
        ("classify", "a.csv"),
        {"a.csv": f"text,label\n{FEW}".replace(",bad", ",good")},
        r"All 40 texts have the label 'good'; expected two labels or more\. .*",
    ),
    "numbers as text": (
        ("classify", "a.csv", "--text", "n"),
        {"a.csv": "n,label\n" + "".join(f"{at},{'ab'[at % 2]}\n" for at in range(40))},
        r"a\.csv: column 'n' holds numbers, asked for as text\. No column holds text\.",
    ),
    "labels and numbers": (
        ("classify", "a.csv"),
        {"a.csv": "n,label\n" + "".join(f"{at},{'ab'[at % 2]}\n" for at in range(40))},
        r"a\.csv has no column of text; its columns: n, label\. Expected one with sentences\.",
    ),
    "bytes": (
        ("classify", "a.csv"),
        {"a.csv": FRENCH + b"\xff\xfe,good\n"},
        rf"a\.csv is UTF-8 but for the byte at offset {len(FRENCH):,}, .* Mend it there, .*",
    ),
    "wide vectors": (
        ("classify", "a.csv", "--vectors", "v.txt"),
        {"a.csv": f"text,label\n{FEW}", "v.txt": "fine 1 2 3\ndull 1 2\n"},
        r"v\.txt, line 2: 'dull' has 2 numbers; expected 3 as in the lines before\. .*",
    ),
    "fields": (
        ("tag", "a.conll"),
        {"a.conll": WORDS + "lost\n"},
        r"a\.conll, line 121: 1 field in 'lost'; expected 2 as in the lines before\. .*",
    ),
    "numbering": (
        ("tag", "a.conllu"),
        {"a.conllu": "1\ta\ta\tX\t_\t_\t0\t_\t_\t_\n3\tb\tb\tX\t_\t_\t0\t_\t_\t_\n"},
        r"a\.conllu, line 2: the word has number '3'; expected 2\. .*",
    ),
    "one tag": (
        ("tag", "a.conll"),
        {"a.conll": WORDS.replace("NOUN", "DET")},
        r"a\.conll: all words have the tag 'DET' in column 2; expected two tags or more\. .*",
    ),
    "one sentence": (
        ("tag", "a.conll"),
        {"a.conll": "the\tDET\ncat\tNOUN\n" * 20},
        r"a\.conll is one sentence of 40 words, and training needs several\. Put a blank line .*",
    ),
    "few sentences": (
        ("tag", "a.conll"),
        {"a.conll": "the\tDET\ncat\tNOUN\n\n" * 20},
        r"20 sentences, 1 different, can't fill a test part of 10%\. Expected 10 or more; add sentences, .*",
    ),
    "tagged bytes": (
        ("tag", "a.conll"),
        {"a.conll": "é\tA\nö\tB\n\n".encode() * 40 + b"\xff\tA\n\n"},
        r"a\.conll is UTF-8 but for the byte at offset 440, .*",
    ),
    "broken text": (
        ("generate", "a.txt"),
        {"a.txt": "été à nous\n".encode() * 40 + b"\xff\n"},
        r"a\.txt is UTF-8 but for the byte at offset 560, .*",
    ),
    "little text": (
        ("generate", "a.txt"),
        {"a.txt": "abc" * 30},
        r"a\.txt: \d+ pieces for training; expected 200 or more\. .*",
    ),
    "no text": (("generate", "a.txt"), {"a.txt": ""}, r"a\.txt holds no text; expected some\."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_learnt_from(terminal: Terminal, name) -> None:
    command, files, message = REFUSED[name]
    for file, content in files.items():
        (terminal.folder / file).write_bytes(content.encode() if isinstance(content, str) else content)
    before = terminal.files()
    assert_refused(terminal("fit", *command, *QUICK), message)
    assert terminal.files() == before


QUICK = "--hidden-size 8 --epochs 1 --threads 1 --quiet --out model".split()


@pytest.mark.slow
def test_odd_texts_keep_their_signs_and_rare_or_empty_ones_are_said(terminal: Terminal) -> None:
    rows = [line.rsplit(",", 1) for line in FEW.splitlines()]
    rows += [[text, "good"] for text in ODD] + [["", "bad"], ["lonely", "rare"]]
    with (terminal.folder / "odd.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text", "label"], *rows])
    arguments = [each for each in QUICK if each != "--quiet"]
    fitted = terminal("fit", "classify", "odd.csv", *arguments, "--json")
    assert fitted.code == 0, fitted.err
    notes = json.loads(fitted.out)["notes"]
    assert "1 text is empty; kept." in notes
    assert "rare: one text only, so it goes to training and can't be tested." in notes
    outcome = terminal("predict", "model", "odd.csv", "--out", "answers.csv", "--quiet")
    assert outcome.code == 0, outcome.err
    with (terminal.folder / "answers.csv").open(newline="", encoding="utf-8") as file:
        assert [row["text"] for row in csv.DictReader(file)] == [text for text, _ in rows]


@pytest.mark.slow
def test_odd_words_keep_their_signs(terminal: Terminal) -> None:
    odd = "".join("".join(f"{word}\tX\n" for word in text.split()) + "\n" for text in ODD)
    (terminal.folder / "odd.conll").write_text(WORDS + odd, encoding="utf-8")
    assert terminal("fit", "tag", "odd.conll", *QUICK).code == 0
    outcome = terminal("predict", "model", "odd.conll", "--out", "tags.conllu", "--quiet")
    assert outcome.code == 0, outcome.err
    words = [
        line.split("\t")[1]
        for line in (terminal.folder / "tags.conllu").read_text(encoding="utf-8").split("\n")
        if line[:1].isdigit()
    ]
    assert words[80:] == [word for text in ODD for word in text.split()]


@pytest.mark.slow
@pytest.mark.filterwarnings("default:Not in the model's vocabulary")
def test_odd_signs_are_learnt_and_a_prompt_of_others_is_said(terminal: Terminal) -> None:
    text = "".join(f"{each}\n" for each in ODD) * 30
    (terminal.folder / "odd.txt").write_text(text, encoding="utf-8")
    outcome = terminal("fit", "generate", "odd.txt", "--tokeniser", "character", *QUICK)
    assert outcome.code == 0, outcome.err
    kinds = json.loads((terminal.folder / "model" / "preprocessing.json").read_text(encoding="utf-8"))
    assert set(text) == set(kinds["words"]["pieces"])
    outcome = terminal("predict", "model", "--prompt", "☃ 雪", "--length", "5", "--seed", "1")
    assert outcome.code == 0 and outcome.out.startswith("☃ 雪")
    assert outcome.err == "Not in the model's vocabulary, and read as unknown: '☃', '雪'.\n"


@pytest.mark.slow
@pytest.mark.parametrize("task", ["classify", "tag", "generate"])
def test_a_line_of_10_megabytes(terminal: Terminal, task) -> None:
    files = text_files()
    line = "fine words and dull ones " * 400_000
    files["texts.csv"] += f"{line},good\n"
    files["words.conll"] += "".join(f"{word}\tX\n" for word in line.split()[:50_000])
    files["lines.txt"] += line
    data = {"classify": "texts.csv", "tag": "words.conll", "generate": "lines.txt"}[task]
    (terminal.folder / data).write_text(files[data], encoding="utf-8")
    outcome = terminal("fit", task, data, *QUICK, *(["--steps-per-epoch", "3"]))
    assert outcome.code == 0, outcome.err
    if task != "generate":
        (terminal.folder / "line.txt").write_text(line, encoding="utf-8")
        assert (
            terminal("predict", "model", "line.txt", "--out", "out.csv" if task == "classify" else "out.conllu").code
            == 0
        )
