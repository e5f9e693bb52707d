from __future__ import annotations

from datetime import UTC, datetime
from math import log

import numpy as np
import torch

import recurra
from recurra.evaluate import Page, Passage, Picture, Section
from recurra.evaluate._figures import learning_figure
from recurra.tasks.generate._job import Measured, Plan
from recurra.tasks.generate._live_writing import Writer
from recurra.tasks.generate._model import read
from recurra.tasks.generate._units import find_units
from recurra.train import TrainingResult

_TEMPERATURES = (0.5, 0.8, 1.0)
_EXCERPT = {"character": 1200, "other": 250}  # pieces
_SAMPLE = {"character": 500, "other": 120}
_LOOKED_AT = 20_000  # pieces in which units are looked for


def report_page(plan: Plan, training: TrainingResult, measured: Measured, writer: Writer) -> Page:
    """All that the report on a fitting shows."""
    fitted, chosen = plan.fitted, plan.fitted.chosen
    size = f"{chosen.num_layers} layers of {chosen.hidden_size} units"
    return Page(
        title=f"Language model of {plan.corpus.name.rstrip('/').rsplit('/', 1)[-1]}",
        subtitle=f"{fitted.kind} by {fitted.kind}, {size} ({chosen.cell.upper()})",
        created=f"recurra {recurra.__version__}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        scores=measured.scores,
        facts=[
            ("Learnt from", f"{len(plan.codes['training'].codes):,} pieces", f"{fitted.encoder.words.size:,} kinds"),
            (
                "Trained for",
                f"{training.seconds:,.0f} s",
                f"epoch {training.best_epoch} of {len(training.history)} kept",
            ),
        ],
        sections=[_samples(plan, writer), _surprise(plan, measured), _units(plan, measured), _training(training)],
        choices=[(name, str(value), why) for name, (value, why) in plan.reasons.items()],
        notes=plan.notes,
        terms=[
            (
                "perplexity",
                "Among how many equally likely pieces the model hesitates, on average: 2 to the bits a piece.",
            ),
            ("bits per character", "What the text would take, per character, if it were packed by this model."),
            ("Kneser-Ney", "The classical language model: it counts which few pieces followed which, and smooths."),
        ],
    )


def _pieces(plan: Plan, codes: np.ndarray) -> list[str]:
    return [plan.fitted.encoder.words.piece(int(code)) for code in codes]


def _amount(table: dict[str, int], plan: Plan) -> int:
    return table.get(plan.fitted.kind, table["other"])


def _samples(plan: Plan, writer: Writer) -> Section:
    passages = []
    for temperature in _TEMPERATURES:
        drawn = writer.write(writer.begin(), _amount(_SAMPLE, plan), temperature=temperature, seed=plan.config.seed)
        text = "".join(piece.text for piece in drawn)
        passages.append(Passage(f"Temperature {temperature:g}", [(text, 0.0, "")]))
    about = "What the model writes by itself, from nothing. A low temperature keeps to what is likely."
    return Section("Samples", about, passages=passages)


def _surprise(plan: Plan, measured: Measured) -> Section:
    shown = _amount(_EXCERPT, plan)
    bits = measured.bits[:shown]
    most = max(float(np.quantile(measured.bits, 0.98)), 1e-9)
    spans = [
        (piece, min(float(cost) / most, 1.0), f"{cost:.1f} bits")
        for piece, cost in zip(_pieces(plan, measured.codes[:shown]), bits, strict=True)
    ]
    about = "The beginning of the test part. The stronger the colour, the less the model expected the piece."
    return Section("Where the surprise is", passages=[Passage("Test part", spans, about)])


def _units(plan: Plan, measured: Measured) -> Section:
    network, codes = plan.fitted.network, measured.codes[:_LOOKED_AT]
    with torch.no_grad():
        text = torch.from_numpy(np.array(codes, np.int64))[None, :, None]
        hidden = read(network, text, None)[0][0].numpy()
    pieces = _pieces(plan, codes)
    shown = _amount(_EXCERPT, plan)
    passages = []
    for unit in find_units(pieces, hidden):
        most = float(np.abs(unit.values).max()) or 1.0
        spans = [
            (piece, float(value) / most, f"{value:+.2f}")
            for piece, value in zip(pieces[:shown], unit.values[:shown], strict=True)
        ]
        about = f"It follows {unit.follows}: correlation {unit.correlation:+.2f}."
        passages.append(Passage(f"Unit {unit.number}", spans, about))
    about = "Units of the last layer that turned out to follow something with a name; coloured is their activation."
    return Section("Units that can be read", about, passages=passages)


def _training(training: TrainingResult) -> Section:
    losses, held_out = training.curves["loss"], training.curves["validation"]
    kept = f"the weights of epoch {training.best_epoch} were kept"
    picture = Picture(
        name="learning",
        caption="Loss by epoch",
        detail=kept,
        description=f"Training and validation loss over {len(losses)} epochs; {kept}.",
        figure=learning_figure(losses, held_out, training.best_epoch),
        legend=[("first", "training", ""), ("model", "validation", "")],
    )
    about = f"In nats a piece, {1 / log(2):.2f} bits each; dropout makes the training loss the higher one at first."
    return Section("Training", about, pictures=[picture])
