"""The two forecasting networks, as data."""

from __future__ import annotations

from collections.abc import Mapping

from recurra.blocks import (
    AnyBlock,
    Branch,
    Clip,
    Composition,
    Decode,
    Dropout,
    Embedding,
    Gain,
    Horizon,
    Last,
    Level,
    Linear,
    Positions,
    Recurrent,
    Segments,
    Spread,
    Steps,
    Unstack,
    embedding_size,
)
from recurra.tasks.forecast._choices import Chosen

CLIP = (
    10.0  # spreads; what is further from its level than that is an accident, in the window as in the truth trained on
)


def _units(chosen: Chosen) -> list[Branch]:
    """What a window is measured from ("level") and in ("spread")."""
    level, spread = {
        "series": (None, None),
        "last": ("last", None),
        "last-scaled": ("last", "std"),
        "revin": ("mean", "std"),
        "mean-scaled": ("zero", "mean-abs"),
        "relative": ("mean", "mean-abs"),
    }[chosen.normalisation]
    steps = chosen.level_steps if chosen.normalisation == "relative" else None
    seen = ("target", "observed", "scale")
    return [
        Branch(name="level", takes=seen[:2], blocks=(Level(method=level, steps=steps),))
        if level
        else _same("level", "centre"),
        Branch(name="spread", takes=seen, blocks=(Spread(method=spread),)) if spread else _same("spread", "scale"),
    ]


def _height() -> list[Branch]:
    """How high the level of a window is for its series."""
    return [
        Branch(name="above", takes=("level", "centre"), join="subtract"),
        Branch(name="height", takes=("above", "scale"), join="divide", blocks=(Clip(limit=CLIP),)),
    ]


def _same(name: str, other: str) -> Branch:
    return Branch(name=name, takes=(other,))


def compose(chosen: Chosen, widths: Mapping[str, int], categories: Mapping[str, tuple[int, ...]]) -> Composition:
    """The network for `chosen`, given the widths of its inputs and the number of codes of each categorical column.

    `widths` is what `Windows.widths` gives, `categories` holds the tuples "past", "known", "static" and "channel".
    """
    build = _direct if chosen.decoder == "direct" else _recursive
    return build(chosen, widths, categories)


def _direct(chosen: Chosen, widths: Mapping[str, int], categories: Mapping[str, tuple[int, ...]]) -> Composition:
    outputs = widths["target"] * chosen.outputs
    size = chosen.hidden_size
    moving = chosen.normalisation != "series"
    branches = [
        *_units(chosen),
        *(_height() if moving else []),
        Branch(name="centred", takes=("target", "level"), join="subtract"),
        Branch(name="masked", takes=("centred", "observed"), join="multiply"),
        Branch(name="normal", takes=("masked", "spread"), join="divide", blocks=(Clip(limit=CLIP),)),
        *_embeddings(categories),
    ]
    seen = ["normal"] + (["height"] if moving else [])
    if chosen.masks:
        seen += ["observed", "since"]
    seen += [name for name in ("past", "known") if widths[name]]
    seen += [f"{name}_vectors" for name in ("past", "known") if categories[name]]
    encoder: tuple[AnyBlock, ...] = (
        Segments(size=chosen.segment),
        Linear(size=size, activation="relu"),
        Dropout(rate=chosen.dropout),
        Recurrent(
            cell=chosen.cell,
            hidden_size=size,
            num_layers=chosen.num_layers,
            bidirectional=chosen.bidirectional,
            dropout=chosen.dropout,
        ),
        Last(bidirectional=chosen.bidirectional),
    )
    branches.append(Branch(name="encoder", takes=tuple(seen), blocks=encoder))
    future = ["future"] + (["future_vectors"] if categories["known"] else [])
    count = chosen.horizon_padded // chosen.segment
    branches.append(
        Branch(
            name="positions",
            takes=tuple(future),
            blocks=(Segments(size=chosen.segment), Linear(size=size), Positions(count=count)),
        )
    )
    state = size * (2 if chosen.bidirectional else 1)
    about = ["encoder", "positions"] + (["static"] if widths["static"] else [])
    about += [f"{name}_vectors" for name in ("static", "channel") if categories[name]]
    branches.append(
        Branch(
            name="decoded",
            takes=tuple(about),
            blocks=(
                Decode(cell=chosen.cell, hidden_size=state),
                Dropout(rate=chosen.dropout),
                Linear(size=outputs * chosen.segment),
                Steps(size=chosen.segment),
                Unstack(size=chosen.outputs),
                *((Gain(horizon=chosen.horizon_padded),) if chosen.linear_skip else ()),
            ),
        )
    )
    normal = "decoded"
    if chosen.linear_skip:
        skip = Horizon(time=chosen.context, horizon=chosen.horizon_padded)
        branches.append(Branch(name="skip", takes=("normal",), blocks=(skip,)))
        branches.append(Branch(name="joined", takes=("decoded", "skip"), join="add"))
        normal = "joined"
    branches.append(Branch(name="outcome", takes=(normal,)))
    branches.append(Branch(name="scaled", takes=("outcome", "spread"), join="multiply"))
    branches.append(Branch(name="forecast", takes=("scaled", "level"), join="add"))
    return Composition(inputs=_inputs(widths, branches), branches=tuple(branches))


def _recursive(chosen: Chosen, widths: Mapping[str, int], categories: Mapping[str, tuple[int, ...]]) -> Composition:
    """DeepAR (Salinas et al., 2020): the next value's distribution from the values so far, one step at a time.

    The input "previous" is the normalised value one step back; "level" and "spread" are worked out from the context and
    then given while stepping.
    """
    branches = [
        *_units(chosen),
        *(b for b in _embeddings(categories) if b.name not in ("past_vectors", "future_vectors")),
    ]
    seen = ["previous", "previous_observed"] + (["known"] if widths["known"] else [])
    seen += ["known_vectors"] if categories["known"] else []
    seen += (["static"] if widths["static"] else []) + [f"{n}_vectors" for n in ("static", "channel") if categories[n]]
    recurrent = Recurrent(
        cell=chosen.cell, hidden_size=chosen.hidden_size, num_layers=chosen.num_layers, dropout=chosen.dropout
    )
    branches.append(
        Branch(
            name="outcome",
            takes=tuple(seen),
            blocks=(
                recurrent,
                Dropout(rate=chosen.dropout),
                Linear(size=widths["target"] * chosen.outputs),
                Unstack(size=chosen.outputs),
            ),
        )
    )
    extra = {"previous": widths["target"], "previous_observed": widths["target"]}
    return Composition(inputs=_inputs({**widths, **extra}, branches), branches=tuple(branches))


def _embeddings(categories: Mapping[str, tuple[int, ...]]) -> list[Branch]:
    branches = []
    for name, codes, kind in (
        ("past_vectors", "past_codes", "past"),
        ("known_vectors", "known_codes", "known"),
        ("future_vectors", "future_codes", "known"),
        ("static_vectors", "static_codes", "static"),
        ("channel_vectors", "channel", "channel"),
    ):
        if categories[kind]:
            block = Embedding(categories=categories[kind], sizes=tuple(embedding_size(n) for n in categories[kind]))
            branches.append(Branch(name=name, takes=(codes,), blocks=(block,)))
    return branches


def _inputs(widths: Mapping[str, int], branches: list[Branch]) -> dict[str, int]:
    """Only the inputs that some branch takes."""
    taken = {name for branch in branches for name in branch.takes}
    return {name: width for name, width in widths.items() if name in taken}
