from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_TOKENS = 10_000_000  # memory: about 100 bytes a token while fitting, less afterwards
# Where counts of counts are too few to estimate discounts from: half of what is discounted from.
_FALLBACK = (0.5, 1.0, 1.5)


@dataclass(frozen=True, eq=False)
class _Order:
    """The n-grams of one length, each a shorter one and a code: what they were seen as, as sorted numbers.

    The n-gram at index i of `keys` has the number i; its key is (number of the n-gram before its last code) * size +
    last code.
    """

    keys: np.ndarray  # (M,)
    share: np.ndarray  # (M,) discounted count over the total of the context
    rest: np.ndarray  # by number of the context: what discounts left over; 1 where nothing ever followed


class KneserNey:
    """An n-gram model with interpolated modified Kneser-Ney smoothing, of codes 0 to size - 1.

    Chen & Goodman (1999), "An empirical study of smoothing techniques for language modeling", section 4: three
    discounts an order from counts of counts; below the highest order a count is the number of different codes an
    n-gram was seen after; at the bottom every code is equally likely. Of a longer text than `MOST_TOKENS` the end is
    used.
    """

    def __init__(self, order: int, size: int) -> None:
        assert order >= 1 and size >= 1
        self.order = order
        self.size = size
        self._orders: list[_Order] = []

    def fit(self, codes: np.ndarray) -> KneserNey:
        """Count the n-grams of a text (N,), read as one run."""
        codes = np.asarray(codes, dtype=np.int64)[-MOST_TOKENS:]
        self._orders = []
        shorter = np.zeros(len(codes) + 1, dtype=np.int64)  # number of the n-gram before each position: the empty one
        contexts = 1
        for length in range(1, min(self.order, len(codes)) + 1):
            # shorter[t] is the (length - 1)-gram that ends before code length - 1 + t.
            keys, first, ending, count = np.unique(
                shorter[:-1] * self.size + codes[length - 1 :],
                return_index=True,
                return_inverse=True,
                return_counts=True,
            )
            if length < self.order:
                count = self._num_before(ending, codes, len(keys))
            self._orders.append(_discount(keys, count, shorter[first], contexts))
            shorter, contexts = ending, len(keys)
        return self

    def _num_before(self, ending: np.ndarray, codes: np.ndarray, grams: int) -> np.ndarray:
        """After how many different codes each n-gram was seen; the text's beginning counts as one."""
        pairs = np.unique(ending[1:] * self.size + codes[: len(ending) - 1])
        count = np.bincount(pairs // self.size, minlength=grams)
        count[ending[0]] += 1
        return count

    def log2_probabilities(self, codes: np.ndarray, *, before: np.ndarray | None = None) -> np.ndarray:
        """How likely each code (N,) is after those before it, as logarithms to base 2, float64.

        The first ones are predicted from fewer, or from the end of `before`.
        """
        given = np.asarray([] if before is None else before, dtype=np.int64)
        past = given[max(len(given) - self.order + 1, 0) :]
        text = np.concatenate([past, np.asarray(codes, dtype=np.int64)])
        likely = np.full(len(text), 1 / self.size)
        shorter = np.zeros(len(text) + 1, dtype=np.int64)
        for length, grams in enumerate(self._orders, start=1):
            if len(text) < length:
                break
            context, follows = shorter[:-1], text[length - 1 :]
            key = np.where(context >= 0, context * self.size + follows, -1)
            at = np.minimum(np.searchsorted(grams.keys, key), len(grams.keys) - 1)
            is_seen = grams.keys[at] == key
            rest = np.where(context >= 0, grams.rest[context], 1.0)
            likely[length - 1 :] = np.where(is_seen, grams.share[at], 0.0) + rest * likely[length - 1 :]
            shorter = np.where(is_seen, at, -1)
        return np.log2(likely[len(past) :])


def _discount(keys: np.ndarray, count: np.ndarray, context: np.ndarray, contexts: int) -> _Order:
    """The order whose n-grams have these counts and follow these contexts, each a number below `contexts`."""
    discount = np.array([0.0, *_discounts(count)])[np.minimum(count, 3)]
    total = np.bincount(context, count, minlength=contexts)
    left_over = np.bincount(context, discount, minlength=contexts)
    return _Order(
        keys=keys,
        share=(count - discount) / total[context],
        rest=np.divide(left_over, total, out=np.ones(contexts), where=total > 0),
    )


def _discounts(count: np.ndarray) -> tuple[float, float, float]:
    """What n-grams counted once, twice and more often are discounted by (equation 26)."""
    one, two, three, four = (int(np.sum(count == times)) for times in (1, 2, 3, 4))
    if not all((one, two, three, four)):
        return _FALLBACK
    share = one / (one + 2 * two)
    found = (1 - 2 * share * two / one, 2 - 3 * share * three / two, 3 - 4 * share * four / three)
    fits = all(0 <= discount <= times for times, discount in enumerate(found, start=1))
    return found if fits else _FALLBACK
