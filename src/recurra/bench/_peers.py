from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from recurra.bench._case import Case
from recurra.errors import ConfigError, MissingExtraError


@dataclass(frozen=True)
class Source:
    """Where a peer comes from, and what it can do. Nothing of it is imported here."""

    name: str
    home: str  # "module:class"
    needs: tuple[str, ...]  # modules
    of_float32: Callable[[Case], bool]
    of_bf16: bool = False

    def can(self, case: Case) -> bool:
        """Whether it is measured at this."""
        return self.of_bf16 if case.precision == "bf16" else self.of_float32(case)

    @property
    def missing(self) -> str | None:
        """The first module that this peer needs and that isn't installed."""
        return next((module for module in self.needs if find_spec(module) is None), None)


OURS, PADDED, FLOAT32 = "recurra", "padded", "float32"
_HOME = "recurra.bench"
SOURCES = (
    Source(OURS, f"{_HOME}._peer_ours:Ours", ("torch",), lambda case: True, of_bf16=True),
    Source(FLOAT32, f"{_HOME}._peer_ours:Float32", ("torch",), lambda case: False, of_bf16=True),
    Source(PADDED, f"{_HOME}._peer_ours:Padded", ("torch",), lambda case: case.ragged),
    Source("torch", f"{_HOME}._peer_torch:Torch", ("torch",), lambda case: True),
    Source("torch-cell", f"{_HOME}._peer_torch:TorchCell", ("torch",), lambda case: case.mode == "step"),
    Source(
        "onnxruntime",
        f"{_HOME}._peer_onnxruntime:OnnxRuntime",
        ("onnxruntime", "onnx"),
        lambda case: case.mode != "training" and not case.ragged,
    ),
    Source(
        "openvino",
        f"{_HOME}._peer_openvino:OpenVino",
        ("openvino", "onnx"),
        lambda case: case.mode == "forward" and not case.ragged,
    ),
    Source("jax", f"{_HOME}._peer_jax:Jax", ("jax",), lambda case: case.mode != "step" and not case.ragged),
)
# What `--peers` takes; ours, in all forms, and torch's two ways to take a step are there without being asked for.
PEERS = ("torch", "onnxruntime", "openvino", "jax")


def find_peers(names: Sequence[str] = PEERS) -> tuple[list[Source], dict[str, str]]:
    """The peers to measure, ours first, and for those that aren't installed how to get them."""
    for name in names:
        if name not in PEERS:
            raise ConfigError(f"There is no peer {name!r}. Choose among {', '.join(PEERS)}.")
    if find_spec("torch") is None:
        raise MissingExtraError("This needs torch, which isn't installed. Run: pip install 'recurra[train]'")
    asked = {*names, OURS, PADDED, FLOAT32, *(["torch-cell"] if "torch" in names else [])}
    wanted = [source for source in SOURCES if source.name in asked]
    lacking = {
        source.name: f"{source.missing} isn't installed: pip install 'recurra[bench]'"
        for source in wanted
        if source.missing
    }
    return [source for source in wanted if not source.missing], lacking
