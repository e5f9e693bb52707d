from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from recurra.data.text import Sentence
from recurra.evaluate import most_frequent_tags
from recurra.tasks.tag._labels import Labels


class UsualTags(BaseModel):
    """The tag that each word has most often in training: a baseline small enough to keep with the model.

    Also who is asked which words the training part has.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tag_of: dict[str, str]
    usual: str  # of a word that isn't there

    @classmethod
    def fit(cls, sentences: Sequence[Sentence], labels: Labels) -> UsualTags:
        """Count the tags of the words of training sentences."""
        words = [sentence.words for sentence in sentences]
        tags = [labels.read(sentence.tags) for sentence in sentences]
        known = sorted({word for each in words for word in each})
        (found,) = most_frequent_tags(words, tags, [known])
        every = Counter(tag for each in tags for tag in each)
        return cls(tag_of=dict(zip(known, found, strict=True)), usual=every.most_common(1)[0][0])

    def tags(self, sentences: Iterable[Sequence[str]]) -> list[list[str]]:
        """The usual tags of the words of sentences."""
        return [[self.tag_of.get(word, self.usual) for word in words] for words in sentences]

    def knows(self, words: Iterable[str]) -> list[bool]:
        """Whether training has each word."""
        return [word in self.tag_of for word in words]
