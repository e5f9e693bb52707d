"""Trained models at work, without torch: step by step, in constant memory, in microseconds."""

from recurra.runtime._generating import generate_codes
from recurra.runtime._load import load
from recurra.runtime._network import Network
from recurra.runtime._plain import PlainModel, PlainSession
from recurra.runtime._session import (
    LOOKED_AT,
    Inside,
    Model,
    Piece,
    Prediction,
    Session,
    Spec,
    Trace,
    check_alone,
    in_a_row,
    read_each,
)
from recurra.runtime._state import seal, unseal

__all__ = [
    "LOOKED_AT",
    "Inside",
    "Model",
    "Network",
    "Piece",
    "PlainModel",
    "PlainSession",
    "Prediction",
    "Session",
    "Spec",
    "Trace",
    "check_alone",
    "generate_codes",
    "in_a_row",
    "load",
    "read_each",
    "seal",
    "unseal",
]
