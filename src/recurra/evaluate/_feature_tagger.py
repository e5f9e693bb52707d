from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Words = Sequence[Sequence[str]]

MOST_EPOCHS = 10
FEWEST_EPOCHS = 4
_VISITS = 2_000_000  # words looked at, where that is between the fewest and the most epochs
_PENALTY = 1e-6
_REACH = 2  # words to each side that are looked at
_LONGEST_ENDS = 4  # characters of a prefix or suffix
_FEWEST_PAIRS = 2  # how often two words must have stood together to be a feature


def feature_tagger(
    train_words: Words, train_tags: Sequence[Sequence[str]], sentences: Words, *, seed: int = 0
) -> list[list[str]]:
    """The tags of sentences by a log-linear model of what words look like, decoded as a chain.

    A word has itself, its lower case, shape, prefixes and suffixes as features, those of its neighbours up to two
    words away in less detail, and pairs of adjacent words; a logistic regression a tag is trained by averaged
    stochastic gradient descent. The best path through a sentence also weighs how much more often a tag follows the one
    before than chance would have it.
    """
    from sklearn.linear_model import SGDClassifier

    names, tags = np.unique(list(chain.from_iterable(train_tags)), return_inverse=True)
    if len(names) == 1:
        return [[str(names[0])] * len(words) for words in sentences]
    look = _Look(train_words)
    epochs = int(np.clip(_VISITS // len(tags), FEWEST_EPOCHS, MOST_EPOCHS))
    # Without a tolerance it runs for all epochs; scikit-learn's stubs don't know that.
    model = SGDClassifier("log_loss", alpha=_PENALTY, average=True, max_iter=epochs, random_state=seed)
    model.set_params(tol=None)
    model.fit(look(train_words), tags)
    score = model.decision_function(look(sentences))
    # Of two tags there is one regression.
    score = np.stack([-score, score], axis=1) if score.ndim == 1 else score
    likely = -np.logaddexp(0, -score)
    start, follow = _transitions(tags, train_words, len(names))
    ends = np.cumsum([len(words) for words in sentences])
    return [[str(names[tag]) for tag in _best_path(emitted, start, follow)] for emitted in np.split(likely, ends[:-1])]


class _Look:
    """Sentences to sparse features, one row a word; which features there are was learned from training sentences."""

    def __init__(self, sentences: Words) -> None:
        from sklearn.feature_extraction.text import CountVectorizer

        kinds = sorted(set(chain.from_iterable(sentences)))
        # Analysers are set afterwards, since scikit-learn's stubs know no functions there.
        self._own = CountVectorizer(binary=True).set_params(analyzer=_spelling).fit(kinds)
        self._beside = CountVectorizer(binary=True).set_params(analyzer=_outline).fit(["", *kinds])
        self._number = {kind: index for index, kind in enumerate(kinds, start=1)}
        pairs, count = np.unique(self._pairs(sentences), return_counts=True)
        self._known_pairs = pairs[count >= _FEWEST_PAIRS]

    def __call__(self, sentences: Words) -> csr_matrix:
        from scipy.sparse import csr_matrix, hstack

        # What a word looks like is worked out once for each different word; "" stands beyond the ends of a sentence.
        kinds = ["", *sorted(set(chain.from_iterable(sentences)))]
        number = {kind: index for index, kind in enumerate(kinds)}
        at, place = _padded(sentences, number)
        own, beside = self._own.transform(kinds), self._beside.transform(kinds)
        near = [beside[at[place + step]] for step in range(-_REACH, _REACH + 1) if step]
        pairs = self._pairs(sentences)
        left, right = self._one_hot(pairs[place - 1]), self._one_hot(pairs[place])
        return csr_matrix(hstack([own[at[place]], *near, left, right], format="csr"))

    def _pairs(self, sentences: Words) -> np.ndarray:
        """A number for each word with the next one, at its place among padded words; -1 where one is unknown."""
        at, _ = _padded(sentences, self._number)
        return np.where((at[:-1] < 0) | (at[1:] < 0), -1, at[:-1] * (len(self._number) + 1) + at[1:])

    def _one_hot(self, pairs: np.ndarray) -> csr_matrix:
        from scipy.sparse import csr_matrix

        column = np.minimum(np.searchsorted(self._known_pairs, pairs), len(self._known_pairs) - 1)
        is_known = self._known_pairs[column] == pairs
        begins = np.concatenate([[0], np.cumsum(is_known)])
        data = np.ones(int(begins[-1]))
        return csr_matrix((data, column[is_known], begins), shape=(len(pairs), len(self._known_pairs)))


def _padded(sentences: Words, number: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Words as numbers with `_REACH` zeros around each sentence, -1 for unknown ones; and the places of the words."""
    gap = [0] * _REACH
    at, place = list(gap), []
    for words in sentences:
        place.extend(range(len(at), len(at) + len(words)))
        at.extend(number.get(word, -1) for word in words)
        at.extend(gap)
    return np.array(at, dtype=np.int64), np.array(place, dtype=np.int64)


def _spelling(word: str) -> list[str]:
    lower = word.lower()
    ends = range(1, min(_LONGEST_ENDS + 1, len(word)))
    return [
        f"word {word}",
        f"lower {lower}",
        f"shape {_shape(word)}",
        "always",
        *(f"begins {lower[:size]}" for size in ends),
        *(f"ends {lower[-size:]}" for size in ends),
    ]


def _outline(word: str) -> list[str]:
    lower = word.lower()
    return [f"lower {lower}", f"shape {_shape(word)}", *([f"ends {lower[-3:]}"] if len(word) > 3 else [])]


def _shape(word: str) -> str:
    """`Xx` for Ada, `X.X.` for U.K., `d:d` for 12:30: runs of capitals, small letters and digits as one letter each."""
    shape = ""
    for character in word:
        kind = "X" if character.isupper() else "x" if character.isalpha() else "d" if character.isdigit() else character
        if not shape.endswith(kind):
            shape += kind
    return shape


def _transitions(tags: np.ndarray, sentences: Words, count: int) -> tuple[np.ndarray, np.ndarray]:
    """By how much likelier (log) each tag is at the start (K,), and after each other (K, K), than anywhere."""
    lengths = np.array([len(words) for words in sentences if words])
    first = np.cumsum(lengths) - lengths
    usual = np.bincount(tags, minlength=count) / len(tags)
    start = np.bincount(tags[first], minlength=count) + usual
    inside = np.ones(len(tags), dtype=bool)
    inside[first] = False
    after = np.bincount((np.roll(tags, 1) * count + tags)[inside], minlength=count * count).reshape(count, count)
    after = after + 0.1 * usual
    return (
        np.log(start / start.sum()) - np.log(usual),
        np.log(after / after.sum(axis=1, keepdims=True)) - np.log(usual),
    )


def _best_path(emitted: np.ndarray, start: np.ndarray, follow: np.ndarray) -> list[int]:
    """The tags of a sentence with the largest sum of emitted (T, K) and transitions (Viterbi, 1967)."""
    if not len(emitted):
        return []
    best = start + emitted[0]
    came = []
    for row in emitted[1:]:
        reached = best[:, None] + follow
        came.append(reached.argmax(axis=0))
        best = reached.max(axis=0) + row
    path = [int(best.argmax())]
    for origin in reversed(came):
        path.append(int(origin[path[-1]]))
    return path[::-1]
