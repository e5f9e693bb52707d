from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from recurra.bundle import open_bundle
from recurra.cli._files import check_new_file, write_file
from recurra.cli._output import OutputOptions, Screen
from recurra.data.text import Sentence, Tagged, read_tagged, write_conllu
from recurra.errors import ConfigError
from recurra.tasks.tag._live import LiveTagger

FORMATS = (".conllu", ".tsv", ".json")


def predict_tag(
    *,
    bundle: Path,
    data: str | None,
    out: Path | None,
    overwrite: bool,
    seed: int | None,
    output: OutputOptions,
    text: tuple[str, ...] = (),
    runtime: bool = False,
) -> None:
    """Tag the words of a file or of texts; torch isn't needed, whether it was asked for or not."""
    if (data is None) == (not text):
        given = "both a file and --text were" if data is not None else "neither a file nor --text was"
        raise ConfigError(f"{bundle} tags words, and {given} given. Name a file, or pass --text 'A sentence.'.")
    suffix = _suffix(out)
    if out is not None:
        check_new_file(out, overwrite=overwrite)
    model = LiveTagger(open_bundle(bundle))
    tokeniser = model.encoder.tokeniser
    if data is None:
        lines = [line for each in text for line in each.splitlines() if line.strip()]
        tagged = Tagged(
            tuple(Sentence(tuple(tokeniser.pieces(line)), (), "--text") for line in lines), "", "text", "--text"
        )
    else:
        tagged = read_tagged(data, needs_tags=False, tokeniser=tokeniser)
    tags = model.tags([sentence.words for sentence in tagged.sentences])
    screen = Screen(output)
    if out is None:
        if not output.json:
            default = ".conllu" if tagged.layout == "conllu" else ".tsv"
            sys.stdout.write(render(tagged.sentences, tags, model.column, default))
        screen.document({"sentences": documents(tagged.sentences, tags) if output.json else ()})
        return
    write_file(out, render(tagged.sentences, tags, model.column, suffix).encode(errors="surrogatepass"))
    words = sum(map(len, tags))
    screen.say(f"Tags  {out}, {words:,} words in {len(tags):,} sentences")
    screen.document({"bundle": str(bundle), "out": str(out), "sentences": len(tags), "words": words})


def render(sentences: Sequence[Sentence], tags: Sequence[Sequence[str]], column: str, suffix: str) -> str:
    """Sentences with their tags as a file of this kind; CoNLL-U keeps all else that it had."""
    if suffix == ".json":
        return json.dumps(documents(sentences, tags), ensure_ascii=False, indent=1) + "\n"
    if suffix == ".conllu":
        return write_conllu(sentences, tags, column)
    return "".join(
        "".join(f"{_field(word)}\t{tag}\n" for word, tag in zip(sentence.words, given, strict=True)) + "\n"
        for sentence, given in zip(sentences, tags, strict=True)
    )


def documents(sentences: Sequence[Sentence], tags: Sequence[Sequence[str]]) -> list[dict[str, list[str]]]:
    """Sentences with their tags as JSON data."""
    return [
        {"words": list(sentence.words), "tags": list(given)} for sentence, given in zip(sentences, tags, strict=True)
    ]


def _field(word: str) -> str:
    """A word as it may stand between tabs."""
    return word.replace("\t", " ").replace("\n", " ")


def _suffix(out: Path | None) -> str:
    suffix = "" if out is None else out.suffix.lower()
    if out is not None and suffix not in FORMATS:
        raise ConfigError(f"--out {out}: unknown ending {out.suffix!r}. Use one of {', '.join(FORMATS)}.")
    return suffix
