"""Text to pieces, and pieces to numbers; without torch, but for its batches."""

from typing import TYPE_CHECKING

from recurra._lazy import lazy

if TYPE_CHECKING:
    from recurra.data.text._batches import BucketedBatches, Ragged
    from recurra.data.text._bpe import BpeTokeniser, train_bpe
    from recurra.data.text._character import CharacterTokeniser
    from recurra.data.text._chinese import ChineseTokeniser
    from recurra.data.text._conllu import write_conllu
    from recurra.data.text._corpus import Corpus, open_corpus
    from recurra.data.text._documents import Documents
    from recurra.data.text._encoded import Encoded
    from recurra.data.text._encoder import Encoder, fit_encoder
    from recurra.data.text._feed import Feed
    from recurra.data.text._reading import read_documents
    from recurra.data.text._sentence import Sentence, Tagged
    from recurra.data.text._split import Parts, split_documents
    from recurra.data.text._tagged import read_tagged
    from recurra.data.text._tokeniser import AnyTokeniser, choose_tokeniser
    from recurra.data.text._vectors import read_vectors
    from recurra.data.text._vocabulary import Vocabulary
    from recurra.data.text._word import WordTokeniser

__all__ = [
    "AnyTokeniser",
    "BpeTokeniser",
    "BucketedBatches",
    "CharacterTokeniser",
    "ChineseTokeniser",
    "Corpus",
    "Documents",
    "Encoded",
    "Encoder",
    "Feed",
    "Parts",
    "Ragged",
    "Sentence",
    "Tagged",
    "Vocabulary",
    "WordTokeniser",
    "choose_tokeniser",
    "fit_encoder",
    "open_corpus",
    "read_documents",
    "read_tagged",
    "read_vectors",
    "split_documents",
    "train_bpe",
    "write_conllu",
]

# The names are imported when they are asked for: a runtime without torch reads text too.
__getattr__, __dir__ = lazy(
    __name__,
    {
        "AnyTokeniser": "recurra.data.text._tokeniser",
        "BpeTokeniser": "recurra.data.text._bpe",
        "BucketedBatches": "recurra.data.text._batches",
        "CharacterTokeniser": "recurra.data.text._character",
        "ChineseTokeniser": "recurra.data.text._chinese",
        "choose_tokeniser": "recurra.data.text._tokeniser",
        "Corpus": "recurra.data.text._corpus",
        "Documents": "recurra.data.text._documents",
        "Encoded": "recurra.data.text._encoded",
        "Encoder": "recurra.data.text._encoder",
        "Feed": "recurra.data.text._feed",
        "fit_encoder": "recurra.data.text._encoder",
        "open_corpus": "recurra.data.text._corpus",
        "Parts": "recurra.data.text._split",
        "Ragged": "recurra.data.text._batches",
        "read_documents": "recurra.data.text._reading",
        "read_tagged": "recurra.data.text._tagged",
        "read_vectors": "recurra.data.text._vectors",
        "Sentence": "recurra.data.text._sentence",
        "split_documents": "recurra.data.text._split",
        "Tagged": "recurra.data.text._sentence",
        "train_bpe": "recurra.data.text._bpe",
        "Vocabulary": "recurra.data.text._vocabulary",
        "WordTokeniser": "recurra.data.text._word",
        "write_conllu": "recurra.data.text._conllu",
    },
)
