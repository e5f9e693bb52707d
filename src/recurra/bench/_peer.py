"""What a runtime must be able to do to be measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from recurra.bench._case import Case, Problem


class Variant(NamedTuple):
    """One way to compute a case: the call that is timed, and what it gave, by name, as arrays."""

    call: Callable[[], Any]
    results: Callable[[Any], Mapping[str, NDArray[np.floating]]]


class Peer(Protocol):
    """A runtime, alone in a process of its own. Made with the number of threads it may use."""

    def about(self) -> Mapping[str, str]:
        """Its version, and whatever else a reader of the numbers should know."""
        ...

    def variants(self, case: Case, problem: Problem) -> Mapping[str, Variant]:
        """The settings worth trying for this case, by name. The fastest that is right is measured."""
        ...
