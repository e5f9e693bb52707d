from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING

from recurra.evaluate._figures import PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def to_svg(figure: Figure, *, name: str, description: str) -> str:
    """The figure as an inline `<svg>` for a page: text as text, colours as the page's variables, small.

    `name` keeps ids of several pictures on a page apart; `description` is read out in place of the picture. Equal
    figures give equal text.
    """
    import matplotlib

    file = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(file, format="svg", metadata=nothing)
    return _for_page(file.getvalue(), description)


def _for_page(text: str, description: str) -> str:
    text = text[text.index("<svg") :]
    view = re.search(r'viewBox="([^"]*)"', text)
    assert view is not None
    body = text[text.index(">", text.index("<svg")) + 1 :]
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.DOTALL)  # would style the whole page
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = body.replace("xlink:href", "href")
    # The page's font, not matplotlib's.
    body = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", body)
    body = re.sub(r"font-family: [^;\"]*;?", "", body)
    body = re.sub(r"<[^>]*>", lambda tag: _rounded(tag[0]), body)  # places, never the numbers that people read
    body = re.sub(r" ?\n", " ", body)
    body = re.sub(r"  +", " ", body)
    for word, color in PALETTE.items():
        body = body.replace(color, f"var(--{word})")
    label = escape(description, quote=True)
    return f'<svg viewBox="{view[1]}" role="img" aria-label="{label}">{body.strip()}'


def _rounded(tag: str) -> str:
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), tag)
