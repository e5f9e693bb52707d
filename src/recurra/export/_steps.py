from __future__ import annotations

from fractions import Fraction
from math import lcm

Steps = tuple[str, Fraction]  # so many times the number of steps of a symbol
_ONE = "1"  # the symbol whose number is known
SINGLE: Steps = (_ONE, Fraction(1))  # one step, which a join repeats as often as is needed


def fixed(count: int) -> Steps:
    """Exactly `count` steps."""
    return _ONE, Fraction(count)


class StepRelations:
    """Which numbers of steps are equal, multiples of each other, or fixed: union-find with ratios."""

    def __init__(self) -> None:
        self._links: dict[str, Steps] = {}
        self._seen: list[Steps] = []

    def equate(self, one: Steps, other: Steps) -> bool:
        """Note that two numbers of steps are the same; False if what is known already contradicts it."""
        self._seen += [one, other]
        (symbol, ratio), (base, times) = self.resolve(one), self.resolve(other)
        if symbol == base:
            return ratio == times
        if symbol == _ONE:
            symbol, ratio, base, times = base, times, symbol, ratio
        self._links[symbol] = (base, times / ratio)
        return True

    def resolve(self, steps: Steps) -> Steps:
        """The same number, in terms of a symbol of which nothing more is known."""
        symbol, ratio = steps
        while symbol in self._links:
            symbol, times = self._links[symbol]
            ratio *= times
        return symbol, ratio

    def known(self, steps: Steps) -> int | None:
        """The number, where it is fixed."""
        symbol, ratio = self.resolve(steps)
        return int(ratio) if symbol == _ONE else None

    def unit(self, steps: Steps) -> int:
        """What this number is a multiple of in every valid input."""
        symbol, ratio = self.resolve(steps)
        parts = [times for base, times in map(self.resolve, [*self._seen, steps]) if base == symbol]
        return int(ratio * lcm(*(part.denominator for part in parts)))

    def note(self, steps: Steps) -> Steps:
        """Remember that this number has to be whole."""
        self._seen.append(steps)
        return steps
