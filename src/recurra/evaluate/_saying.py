from __future__ import annotations

import numpy as np


def say_number(value: float | None) -> str:
    """Four digits that matter, thousands apart; a dash for what isn't known."""
    if value is None or not np.isfinite(value):
        return "–"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:#.4g}".removesuffix(".") if size >= 0.001 or value == 0 else f"{value:.2e}"


def say_percent(share: float | None, *, sign: bool = False) -> str:
    """`18.2 %`; with a sign where the direction is the point."""
    if share is None or not np.isfinite(share):
        return "–"
    return f"{100 * share:{'+' if sign else ''}.1f} %".replace("-", "−")


# Control characters can't stand in a page; these signs (Unicode's Control Pictures) show that they were there.
_SIGNS = {code: 0x2400 + code for code in range(32) if code not in (9, 10)} | {0x7F: 0x2421}


def printable(value: object) -> object:
    """Text that a page can hold: signs for control characters, and for halves of a pair that stand alone."""
    if type(value) is not str:
        return value
    return value.translate(_SIGNS).encode("utf-8", "replace").decode()
