from __future__ import annotations

from collections.abc import Sequence

from recurra.bench._case import CELLS, SECTIONS, Case, Cell, Mode, Section
from recurra.errors import ConfigError
from recurra.ops import has_bfloat16

# T, B, I, H: sizes that people train, from a sensor's to a language model's, and sizes that no kernel was made for.
SIZES = (
    (100, 32, 64, 64),
    (100, 32, 128, 128),
    (128, 64, 256, 256),
    (64, 64, 512, 512),
    (784, 64, 1, 128),
    (1000, 1, 128, 128),
    (37, 7, 13, 17),
    (50, 33, 100, 130),
)
LARGE = ((128, 64, 256, 256), (64, 64, 512, 512))
RAGGED = ((100, 32, 128, 128), (128, 64, 256, 256))
STREAM = (256, 1, 128, 128)
QUICK = ((100, 32, 128, 128), (128, 64, 256, 256), (37, 7, 13, 17))


def grid(
    *,
    cells: Sequence[str] = CELLS,
    only: Sequence[str] = (),
    sections: Sequence[str] = SECTIONS,
    quick: bool = False,
) -> list[Case]:
    """The cases of a run, one size after the other; `only` names sizes, such as T100-B32-I64-H64.

    Products of bfloat16 are there only where this machine has them.
    """
    _refuse_unknown("cell", cells, CELLS)
    _refuse_unknown("section", sections, SECTIONS)
    cases = [case for section in SECTIONS if section in sections for case in _section(section, quick=quick)]
    known = dict.fromkeys(case.size for case in cases)
    _refuse_unknown("size", only, tuple(known))
    return [case for case in cases if case.cell in cells and (not only or case.size in only)]


def _section(section: Section, *, quick: bool) -> list[Case]:
    if section == "lengths":
        return [
            _case(cell, size, mode, ragged=True)
            for size in RAGGED[: 1 if quick else None]
            for cell in CELLS
            for mode in (("training",) if quick else ("forward", "training"))
        ]
    if section == "bf16":
        sizes = LARGE[: 1 if quick else None] if has_bfloat16() else ()
        return [
            Case(cell, *size, mode=mode, precision="bf16")
            for size in sizes
            for cell in CELLS
            for mode in ("forward", "training")
        ]
    sizes = (STREAM,) if section == "step" else QUICK if quick else SIZES
    return [_case(cell, size, section) for size in sizes for cell in CELLS]


def _case(cell: Cell, size: tuple[int, int, int, int], mode: Mode, *, ragged: bool = False) -> Case:
    return Case(cell, *size, mode=mode, ragged=ragged)


def _refuse_unknown(what: str, given: Sequence[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise ConfigError(f"There is no {what} {name!r} to measure. Choose among {', '.join(known)}.")
