"""The compiled module, as far as networks that run without torch need it."""

from recurra._core import Linear, Program, Stack, State

__all__ = ["Linear", "Program", "Stack", "State"]
