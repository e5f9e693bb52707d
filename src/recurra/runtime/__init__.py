"""Trained models at work, without torch: step by step, in constant memory, in microseconds."""

from recurra.runtime._generating import generate_codes
from recurra.runtime._load import load
from recurra.runtime._network import Network
from recurra.runtime._plain import PlainModel, PlainSession
from recurra.runtime._session import Inside, Model, Session, Spec, Trace
from recurra.runtime._state import seal, unseal

__all__ = [
    "Inside",
    "Model",
    "Network",
    "PlainModel",
    "PlainSession",
    "Session",
    "Spec",
    "Trace",
    "generate_codes",
    "load",
    "seal",
    "unseal",
]
