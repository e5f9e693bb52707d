from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

from recurra import runtime
from recurra.cli._files import check_new_file, write_file
from recurra.cli._output import OutputOptions, Screen
from recurra.data.text import open_corpus
from recurra.errors import ConfigError

_LENGTH, _TEMPERATURE = 500, 0.8


def predict_generate(
    *,
    bundle: Path,
    data: str | None,
    out: Path | None,
    overwrite: bool,
    seed: int | None,
    output: OutputOptions,
    prompt: str | None = None,
    length: int = _LENGTH,
    temperature: float = _TEMPERATURE,
    top_k: int | None = None,
    top_p: float | None = None,
    stop: tuple[str, ...] = (),
) -> None:
    """Write on from a prompt, or from a text file, to the terminal as it is drawn; without torch."""
    if prompt is not None and data is not None:
        raise ConfigError("Both --prompt and a file were given. Give one of them to go on from.")
    if out is not None:
        check_new_file(out, overwrite=overwrite)
    model: Any = runtime.load(bundle)
    session = model.stream()
    unknown: dict[str, None] = {}  # in their order
    for text in (prompt or "",) if data is None else open_corpus(data).texts():
        pieces = model.encoder.tokeniser.pieces(text)
        unknown |= dict.fromkeys(piece.strip() or piece for piece in pieces if not model.encoder.knows(piece))
        session.observe(text)
    stops = tuple(each.encode().decode("unicode_escape") if each.isascii() else each for each in stop)
    options: dict[str, Any] = {"temperature": temperature, "seed": seed, "top_k": top_k, "top_p": top_p}
    drawn = session.write(length, stop=stops, **options)
    _warn_of_unknown(list(unknown))
    live = out is None and not output.json
    if live and prompt:
        sys.stdout.write(prompt)
    written: list[Any] = []
    for piece in drawn:
        written.append(piece)
        if live:
            sys.stdout.write(piece.text)
            sys.stdout.flush()
    text = "".join(piece.text for piece in written)
    screen = Screen(output)
    if live and not text.endswith("\n"):
        sys.stdout.write("\n")
    if out is not None:
        write_file(out, ((prompt or "") + text).encode())
        screen.say(f"Text    {out}")
    screen.document(
        {
            "bundle": str(bundle),
            "prompt": prompt or "",
            "text": text,
            "pieces": [{"piece": piece.text, "bits": piece.bits} for piece in written],
        }
    )


def _warn_of_unknown(unknown: list[str]) -> None:
    """Say which pieces of a prompt the model has never seen."""
    if unknown:
        shown = ", ".join(map(repr, unknown[:8])) + (", ..." if len(unknown) > 8 else "")
        warnings.warn(f"Not in the model's vocabulary, and read as unknown: {shown}.", stacklevel=2)
