"""The compiled module, as far as networks that run without torch need it."""

from recurra._core import Bound, Constant, Followed, Linear, Program, Stack, State, Tracker

__all__ = ["Bound", "Constant", "Followed", "Linear", "Program", "Stack", "State", "Tracker"]
