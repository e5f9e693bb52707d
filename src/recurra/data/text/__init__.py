"""Text to pieces, and pieces to numbers; without torch, but for its batches."""

from typing import TYPE_CHECKING

from recurra._lazy import lazy

if TYPE_CHECKING:
    from recurra.data.text._batches import BucketedBatches
    from recurra.data.text._character import CharacterTokeniser
    from recurra.data.text._documents import Documents
    from recurra.data.text._encoded import Encoded
    from recurra.data.text._encoder import Encoder, fit_encoder
    from recurra.data.text._feed import Feed
    from recurra.data.text._sentence import Sentence, Tagged
    from recurra.data.text._split import Parts, split_documents
    from recurra.data.text._tokeniser import AnyTokeniser
    from recurra.data.text._vocabulary import Vocabulary
    from recurra.data.text._word import WordTokeniser

__all__ = [
    "AnyTokeniser",
    "BucketedBatches",
    "CharacterTokeniser",
    "Documents",
    "Encoded",
    "Encoder",
    "Feed",
    "Parts",
    "Sentence",
    "Tagged",
    "Vocabulary",
    "WordTokeniser",
    "fit_encoder",
    "split_documents",
]

# The names are imported when they are asked for: a runtime without torch reads text too.
__getattr__, __dir__ = lazy(
    __name__,
    {
        "AnyTokeniser": "recurra.data.text._tokeniser",
        "BucketedBatches": "recurra.data.text._batches",
        "CharacterTokeniser": "recurra.data.text._character",
        "Documents": "recurra.data.text._documents",
        "Encoded": "recurra.data.text._encoded",
        "Encoder": "recurra.data.text._encoder",
        "Feed": "recurra.data.text._feed",
        "Parts": "recurra.data.text._split",
        "Sentence": "recurra.data.text._sentence",
        "Tagged": "recurra.data.text._sentence",
        "Vocabulary": "recurra.data.text._vocabulary",
        "WordTokeniser": "recurra.data.text._word",
        "fit_encoder": "recurra.data.text._encoder",
        "split_documents": "recurra.data.text._split",
    },
)
