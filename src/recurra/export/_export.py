from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recurra._version import __version__
from recurra.bundle import Bundle, open_bundle
from recurra.errors import ConfigError, require
from recurra.export._card import card, page
from recurra.export._check import check, onnx_runs, torch_run
from recurra.export._files import check_free, put_files
from recurra.export._formats import FORMATS, Format
from recurra.export._layout import Layout, composition_of, lay_out
from recurra.export._onnx import onnx_model
from recurra.export._torch import torch_source


@dataclass(frozen=True)
class Exported:
    """What was written, and how far each runtime's output lies from ours, as a share of the largest output."""

    files: tuple[Path, ...]
    differences: Mapping[str, float]
    card: Mapping[str, Any]


def export(
    bundle: str | Path | Bundle,
    out: str | Path,
    *,
    to: Format,
    outputs: tuple[str, ...] = (),
    overwrite: bool = False,
) -> Exported:
    """Write a trained network for another runtime, after checking that it says there what it says here.

    "onnx" writes a file, a page and a JSON file of its name beside it; "torch" a folder of readable source, weights,
    page and JSON file. `outputs` are names of the network's branches, default the last. ConfigError, BundleError or
    RecurraError say what is wrong; then nothing is left behind.
    """
    if to not in FORMATS:
        raise ConfigError(f"{to!r} is no format to export to. Use one of {', '.join(FORMATS)}.")
    bundle = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
    out = Path(out)
    if to == "onnx":
        if out.suffix.lower() != ".onnx":
            raise ConfigError(f"{out} doesn't end in .onnx. Choose a name that does, such as {out.name}.onnx.")
        for path in _beside(out):
            check_free(path, overwrite=overwrite, folder=False)
    else:
        check_free(out, overwrite=overwrite, folder=True)
    layout = lay_out(composition_of(bundle), outputs)
    return (_to_onnx if to == "onnx" else _to_torch)(bundle, layout, bundle.weights(), out)


def _beside(out: Path) -> tuple[Path, Path, Path]:
    return out, out.with_suffix(".md"), out.with_suffix(".json")


def _to_onnx(bundle: Bundle, layout: Layout, weights: Mapping[str, np.ndarray], out: Path) -> Exported:
    names = [path.name for path in _beside(out)]
    files = dict(zip(names, ["the network", "this page", "the same for programs, with all numbers"], strict=True))
    described = card(bundle, layout, files, {})
    kept = ("made_by", "bundle", "inputs", "outputs", "state")
    metadata = {f"recurra.{name}": json.dumps(described[name], ensure_ascii=False) for name in kept}
    model = onnx_model(layout, weights, metadata=metadata)
    differences = check(layout, weights, onnx_runs(model))
    described["checked_against_recurra"] = differences
    contents = dict(
        zip(
            names, [model, page(described, _ONNX_USE.format(name=out.name)).encode(), _document(described)], strict=True
        )
    )
    put_files(out.resolve().parent, contents)
    return Exported(_beside(out), differences, described)


def _to_torch(bundle: Bundle, layout: Layout, weights: Mapping[str, np.ndarray], out: Path) -> Exported:
    require("torch", extra="train")
    from safetensors.numpy import save

    source, parameters = torch_source(layout, title=bundle.path.resolve().name, made_by=f"recurra {__version__}")
    state_dict = {theirs: np.ascontiguousarray(weights[ours]) for ours, theirs in parameters.items()}
    differences = check(layout, weights, {"torch": torch_run(source, state_dict, layout)})
    files = {
        "network.py": "the network, as plain torch",
        "network.safetensors": "its state_dict",
        "README.md": "this page",
        "card.json": "the same for programs, with all numbers",
    }
    described = card(bundle, layout, files, differences)
    text = [source.encode(), save(state_dict), page(described, _TORCH_USE).encode(), _document(described)]
    out.mkdir(exist_ok=True)
    put_files(out, dict(zip(files, text, strict=True)))
    return Exported(tuple(out / name for name in files), differences, described)


def _document(described: Mapping[str, Any]) -> bytes:
    return (json.dumps(described, indent=1, ensure_ascii=False) + "\n").encode()


_ONNX_USE = """
The operators are those of the ONNX standard alone. Batch and steps are free, unless the table below says otherwise.

    session = onnxruntime.InferenceSession({name!r})
    outputs = session.run(None, {{"name of an input": array, ...}})
"""
_TORCH_USE = """
    from safetensors.torch import load_file
    from network import Network

    network = Network().eval()
    network.load_state_dict(load_file("network.safetensors"))
    outputs = network({"name of an input": tensor, ...})
"""
