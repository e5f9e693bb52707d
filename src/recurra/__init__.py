"""Recurrent sequence models that are exact, fast on the machine you have, and live."""

__version__ = "0.1.0"
