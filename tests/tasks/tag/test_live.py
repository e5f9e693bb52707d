from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from recurra.errors import BundleError, ConfigError, DataError
from recurra.nn import Crf
from recurra.runtime import load
from recurra.tasks.tag import Tagger
from recurra.tasks.tag._live import LiveTagger
from recurra.tasks.tag._live_decoding import best_paths, moves
from tasks.tag.sentences import entities, parts_of_speech


def test_tags_are_those_of_torch(tagger: Tagger, live_both_ways: LiveTagger) -> None:
    sentences = [words for words, _ in parts_of_speech(50, 3)]
    sentences += [[], ["never", "seen", "🙃", "a" * 50], ["cat"]]
    expected = [[tag for _, tag in sentence] for sentence in tagger.predict(sentences)]
    assert live_both_ways.tags(sentences) == expected


def test_entities_are_those_of_torch(one_way: Tagger, live: LiveTagger) -> None:
    sentences = [words for words, _ in entities(50, 3)]
    assert live.tags(sentences) == [[tag for _, tag in sentence] for sentence in one_way.predict(sentences)]


def test_endless_sentences_are_tagged_in_pieces(live_both_ways: LiveTagger) -> None:
    words = ["the", "cat", "runs"] * 1000
    (tags,) = live_both_ways.tags([words])
    assert tags[:1000] == live_both_ways.tags([words[:1000]])[0]
    assert len(tags) == 3000


def test_paths_are_read_back_as_by_torch() -> None:
    torch.manual_seed(2)
    field = Crf(4, forbidden=((0, 1), (2, 2)), forbidden_first=(3,))
    torch.nn.init.normal_(field.transitions)
    scores, lengths = torch.randn(5, 7, 4), torch.full((5,), 7)
    paths = field(scores)[0].detach().numpy()
    given = moves(field.transitions.detach().numpy(), ((0, 1), (2, 2)))
    for last in ((), (1, 2)):
        expected = field.decode(scores, lengths, forbidden_last=last).numpy()
        assert np.array_equal(best_paths(paths, given, last), expected)


def test_a_model_that_reads_both_ways_says_what_to_do(live: LiveTagger, live_both_ways: LiveTagger) -> None:
    assert isinstance(load(live.bundle.path), LiveTagger)
    both = load(live_both_ways.bundle.path)
    with pytest.raises(ConfigError, match="--no-bidirectional"):
        both.stream()
    assert "--no-bidirectional" in both.spec().obstacle and not live.spec().obstacle


def test_whole_texts_are_tagged_whichever_way_it_reads(live: LiveTagger, live_both_ways: LiveTagger) -> None:
    for model in (live, live_both_ways):
        found = model.predict(["the cat runs", {"text": "the dog\nsees"}, ""])
        words = [[word["word"] for word in each.rows] for each in found]
        assert words == [["the", "cat", "runs"], ["the", "dog", "sees"], []]
        assert [word["tag"] for word in found[0].answer["words"]] == model.tags([["the", "cat", "runs"]])[0]
    with pytest.raises(ConfigError, match="no such option"):
        live.predict(["a"], id=("x",))


def test_parts_that_do_not_fit(one_way: Tagger, tmp_path) -> None:
    import json

    from recurra.bundle import open_bundle, write_bundle

    one_way.save(tmp_path / "model")
    bundle = open_bundle(tmp_path / "model")
    inputs = json.loads(json.dumps(dict(bundle.manifest.inputs)))
    inputs["labels"]["names"] = inputs["labels"]["names"][:-1]
    write_bundle(
        tmp_path / "odd",
        task="tag",
        config=dict(bundle.manifest.config),
        network=dict(bundle.manifest.network),
        inputs=inputs,
        data_digest=bundle.manifest.data_digest,
        weights=bundle.weights(),
        documents={"preprocessing.json": bundle.read("preprocessing.json"), "scores.json": "{}"},
    )
    with pytest.raises(BundleError, match="does not fit together"):
        load(tmp_path / "odd")


def test_no_torch_is_needed(one_way: Tagger, tmp_path) -> None:
    one_way.save(tmp_path / "model")
    code = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'sklearn', 'polars', 'scipy'): raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from recurra.runtime import load\n"
        f"model = load({str(tmp_path / 'model')!r})\n"
        "print(len(model.tags([['hello', 'Mr', 'Per3']])[0]), len(model.stream().push('hello Mr ')['words']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("3 2\n", 0), done.stderr


def test_pushes_are_text(live: LiveTagger) -> None:
    assert live.read({"text": "a"}) == live.read(["a"]) == live.read("a") == "a"
    with pytest.raises(DataError, match="takes text"):
        live.stream().push(3)
    assert live.spec().columns == ("text",)
