"""Recurrent sequence models that are exact, fast on the machine you have, and live."""
