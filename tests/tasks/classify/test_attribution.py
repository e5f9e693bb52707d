from __future__ import annotations

import numpy as np
import torch

from recurra.tasks.classify._attribution import attention, integrated_gradients, lead
from recurra.tasks.classify._composition import EMBEDDED, OUTPUT
from recurra.tasks.classify._inputs import encode
from recurra.tasks.classify._report import coloured
from recurra.tasks.classify._samples import read_samples


def test_attributions_add_up_to_what_the_words_change(classifier) -> None:
    fitted = classifier.fitted_
    samples = read_samples(["a lovely film of Paris"], fitted.config, needs_labels=False)
    encoded = encode(fitted.inputs, samples, [0])
    network = fitted.network.eval()
    found = integrated_gradients(network, encoded, 0, 1)
    with torch.no_grad():
        inputs = {name: torch.from_numpy(array) for name, array in encoded.gather(np.array([0]))[0].items()}
        embedded = network.compute((EMBEDDED,), inputs)[EMBEDDED]
        nothing = {"words": 0 * inputs["words"], "runs": 0 * inputs["runs"], EMBEDDED: torch.zeros_like(embedded)}
        ends = [network.compute((OUTPUT,), given)[OUTPUT] for given in (inputs, nothing)]
    assert np.isclose(found.sum(), float(lead(ends[0], 1) - lead(ends[1], 1)), rtol=0.05)
    assert found.argmax() == 1


def test_attention_is_shares_of_one(one_way, classifier) -> None:
    for model in (one_way, classifier):
        samples = read_samples(["a lovely film"], model.fitted_.config, needs_labels=False)
        shares = attention(model.fitted_.network.eval(), encode(model.fitted_.inputs, samples, [0]), 0)
        if model is classifier:
            assert shares is None
        else:
            assert shares is not None and shares.shape == (3,) and np.isclose(shares.sum(), 1)


def test_coloured_spans_are_the_text() -> None:
    text = " don't, 🙂\x00 x "
    spans = coloured(text, ["do", "n't", ",", "🙂", "x"], np.array([0.5, -1.0, 0.0, 2.0, 0.1]))
    assert "".join(span for span, _, _ in spans) == text
    assert [weight for span, weight, _ in spans if span == "🙂"] == [1.0]
