"""The command line: parse, call, print."""

from recurra.cli._main import main

__all__ = ["main"]
