from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from recurra.data._clock import Calendar, Clock
from recurra.data._preparation import Preparation
from recurra.tasks.forecast._choices import Chosen
from recurra.tasks.forecast._live_reading import Reader, RowScaling


@dataclass(frozen=True, eq=False)
class Frame:
    """What all sessions of a model have in common."""

    chosen: Chosen
    preparation: Preparation
    clock: Clock
    calendar: Calendar
    reader: Reader
    known: RowScaling
    past: RowScaling
    static: RowScaling
    inputs: Mapping[str, int]  # that the network takes
    places: Mapping[str, int]  # of the series that were trained on

    @cached_property
    def targets(self) -> int:
        """How many targets there are, C."""
        return len(self.preparation.typical_scale)

    @cached_property
    def rows(self) -> int:
        """Rows of a batch that one forecast takes: one for each target that is forecast by itself."""
        return 1 if self.chosen.joint else self.targets


def frame_of(chosen: Chosen, preparation: Preparation, inputs: Mapping[str, int]) -> Frame:
    """The frame of a model."""
    clock = Clock(preparation.table)
    calendar = Calendar(preparation.calendar, clock)
    reader = Reader(preparation.table, clock)
    places = {label: place for place, label in enumerate(preparation.series)}
    scalings = (RowScaling(part) for part in (preparation.known, preparation.past, preparation.static))
    return Frame(chosen, preparation, clock, calendar, reader, *scalings, inputs=inputs, places=places)
