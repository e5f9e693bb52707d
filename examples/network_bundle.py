"""A network that stands alone becomes a bundle: run it, then `recurra serve letters`."""

from recurra.blocks import Branch, Composition, Embedding, Linear, Recurrent
from recurra.bundle import write_bundle
from recurra.nn import Network

letters = (Embedding(categories=(26,), sizes=(8,)), Recurrent(cell="gru", hidden_size=32), Linear(size=26))
branch = Branch(name="next", takes=("letter",), blocks=letters)
composition = Composition(inputs={"letter": 1}, branches=(branch,))
network = Network(composition)  # train it as any module of torch
weights = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
document = composition.model_dump(mode="json")
write_bundle(
    "letters", task="letters", config={}, network=document, inputs={}, data_digest="", weights=weights, documents={}
)
