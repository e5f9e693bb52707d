"""What the modules of words and pooling compute, by hand and beside torch's own."""

from __future__ import annotations

import torch

from recurra import blocks, nn


def test_characters_are_a_convolution_and_its_largest() -> None:
    torch.manual_seed(0)
    module = nn.build(blocks.Characters(categories=9, size=4, channels=5), 6)
    codes = torch.tensor([[[3, 1, 8, 0, 0, 0], [2, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]]])
    for place, length in enumerate((3, 1)):
        vectors = module.table(codes[:, place, :length]).mT  # pyright: ignore
        kernel = module.linear.weight.reshape(5, 3, 4).mT.contiguous()  # pyright: ignore
        alone = torch.nn.functional.conv1d(vectors, kernel, module.linear.bias, padding=1).amax(2)  # pyright: ignore
        torch.testing.assert_close(module(codes)[:, place], alone)
    assert not module(codes)[:, 2].any()


def test_attention_is_a_softmax_over_steps() -> None:
    torch.manual_seed(0)
    module = nn.build(blocks.Pool(method="attention", size=3), 4)
    x, lengths = torch.randn(2, 5, 4), torch.tensor([5, 2])
    pooled, _ = module(x, lengths=lengths)
    for row, steps in enumerate(lengths.tolist()):
        own = x[row, :steps]
        weights = module.query(module.key(own).tanh()).softmax(0)  # pyright: ignore
        torch.testing.assert_close(pooled[row], (weights * own).sum(0))
        torch.testing.assert_close(module.weights(x, lengths)[row, :steps], weights[:, 0])  # pyright: ignore


def test_pools_by_hand() -> None:
    x = torch.tensor([[[1.0, 5.0], [3.0, -2.0], [9.0, 9.0]]])
    lengths = torch.tensor([2])
    assert nn.build(blocks.Pool(method="max"), 2)(x, lengths=lengths)[0].tolist() == [[3.0, 5.0]]
    assert nn.build(blocks.Pool(method="mean"), 2)(x, lengths=lengths)[0].tolist() == [[2.0, 1.5]]
    torch.testing.assert_close(
        nn.build(blocks.Pool(method="root"), 2)(x, lengths=lengths)[0], torch.tensor([[4.0, 3.0]]) / 2**0.5
    )
    for method in ("max", "mean", "attention", "root"):
        assert not nn.build(blocks.Pool(method=method), 2)(x, lengths=torch.tensor([0]))[0].any()  # pyright: ignore


def test_huge_scores_of_attention_stay_finite() -> None:
    module = nn.build(blocks.Pool(method="attention", size=1), 2)
    with torch.no_grad():
        module.query.weight.fill_(500.0)  # pyright: ignore
    first, state = module(torch.randn(1, 4, 2))
    assert first.isfinite().all()
    assert module(torch.randn(1, 4, 2), state)[0].isfinite().all()


def test_tied_scores_share_the_vectors() -> None:
    words = blocks.Branch(name="words", takes=("x",), blocks=(blocks.Embedding(categories=(7,), sizes=(3,)),))
    tied = blocks.Branch(name="out", takes=("words",), blocks=(blocks.TiedLinear(branch="words", categories=7),))
    network = nn.Network(blocks.Composition(inputs={"x": 1}, branches=(words, tied)))
    table = network.chains["words"][0].tables[0].weight  # pyright: ignore
    assert sum(parameter.numel() for parameter in network.parameters()) == 7 * 3 + 7
    codes = torch.randint(0, 7, (2, 4, 1))
    network({"x": codes})["out"].sum().backward()
    torch.testing.assert_close(network({"x": codes})["out"], table[codes[..., 0]] @ table.T)


def test_dropout_of_sequences_drops_the_same_at_all_steps() -> None:
    torch.manual_seed(0)
    module = nn.build(blocks.Dropout(rate=0.5, per="sequence"), 8)
    y = module(torch.ones(4, 6, 8))
    assert (y == y[:, :1]).all() and set(y.unique().tolist()) == {0.0, 2.0}
    assert not (y[:1] == y).all()
    assert (module.eval()(torch.ones(1, 6, 8)) == 1).all()


def test_dropout_of_an_embedding_drops_whole_codes() -> None:
    torch.manual_seed(0)
    module = nn.build(blocks.Embedding(categories=(40,), sizes=(3,), dropout=0.5), 1)
    codes = torch.arange(40).repeat(2)[None, :, None]
    y = module(codes)
    dropped = (y[0, :40] == 0).all(1)
    assert 5 < dropped.sum() < 35
    assert (y[0, :40] == y[0, 40:]).all()
    torch.testing.assert_close(y[0, :40][~dropped], 2 * module.tables[0].weight[~dropped])  # pyright: ignore


def test_weight_dropout_is_of_recurrent_weights_alone() -> None:
    torch.manual_seed(0)
    layer = nn.LSTM(3, 5, weight_dropout=0.5)
    x = torch.randn(1, 2, 3)
    plain = layer.eval()(x)[0]
    torch.testing.assert_close(layer.train()(x)[0], plain)  # from a state of zeros the matrix says nothing
    state = (torch.ones(1, 2, 5), torch.zeros(1, 2, 5))
    assert not torch.allclose(layer(x, state)[0], layer(x, state)[0])
    torch.testing.assert_close(layer.eval()(x, state)[0], layer(x, state)[0])


def test_adaptive_softmax_is_a_distribution() -> None:
    torch.manual_seed(0)
    module = nn.build(blocks.AdaptiveSoftmax(categories=9, cutoffs=(3, 6), factor=2), 4)
    x, target = torch.randn(2, 3, 4), torch.randint(0, 9, (2, 3))
    log_p = module(x)
    torch.testing.assert_close(log_p.exp().sum(2), torch.ones(2, 3))
    own = -log_p.gather(2, target[..., None]).mean()
    torch.testing.assert_close(module.loss(x.reshape(-1, 4), target.reshape(-1)), own)  # pyright: ignore
