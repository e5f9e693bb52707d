"""The compiled module, as far as networks that run without torch need it."""

from recurra._core import Constant, Linear, Program, Stack, State

__all__ = ["Constant", "Linear", "Program", "Stack", "State"]
