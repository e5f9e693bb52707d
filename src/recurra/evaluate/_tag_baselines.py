from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence


def most_frequent_tags(
    train_words: Sequence[Sequence[str]], train_tags: Sequence[Sequence[str]], sentences: Sequence[Sequence[str]]
) -> list[list[str]]:
    """The tag that each word has most often in the training part; the most frequent of all for an unknown word."""
    seen: defaultdict[str, Counter[str]] = defaultdict(Counter)
    every: Counter[str] = Counter()
    for words, tags in zip(train_words, train_tags, strict=True):
        for word, tag in zip(words, tags, strict=True):
            seen[word][tag] += 1
            every[tag] += 1
    [(fallback, _)] = every.most_common(1)
    usual = {word: count.most_common(1)[0][0] for word, count in seen.items()}
    return [[usual.get(word, fallback) for word in words] for words in sentences]
