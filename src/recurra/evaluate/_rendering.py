"""What reports of all tasks share: one frame of a page, pictures drawn into it, and the same pictures as files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from recurra.errors import require
from recurra.evaluate._picture import Picture
from recurra.evaluate._saying import printable, say_number, say_percent
from recurra.evaluate._svg import to_svg


def render(template: str, content: Mapping[str, Any]) -> str:
    """The page, with everything in it and everything escaped."""
    jinja2 = require("jinja2", extra="train")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("recurra.evaluate", "."),
        autoescape=True,
        finalize=printable,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"number": say_number, "percent": say_percent}
    return environment.get_template(template).render(content)


def draw(picture: Picture) -> dict[str, Any]:
    """What the page shows of a picture."""
    require("matplotlib", extra="train")
    svg = to_svg(picture.figure, name=picture.name, description=picture.description)
    wide = picture.wide and to_svg(picture.wide, name=f"{picture.name}-wide", description=picture.description)
    return {
        "svg": svg,
        "wide": wide or "",
        "caption": picture.caption,
        "detail": picture.detail,
        "legend": picture.legend,
    }


def save_all(folder: str | os.PathLike[str], pictures: Iterable[Picture]) -> list[Path]:
    """Save pictures as PNGs in `folder`, made if need be; the paths, in order."""
    require("matplotlib", extra="train")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for picture in pictures:
        path = folder / f"{picture.name}.png"
        figure = picture.wide or picture.figure
        if figure.axes[0].get_legend_handles_labels()[0]:
            figure.legend(loc="outside lower center", ncols=3 if picture.wide is None else 6, frameon=False, fontsize=9)
        title = f"{picture.caption}, {picture.detail}".removesuffix(", ")
        figure.savefig(path, dpi=160, facecolor="white", metadata={"Title": title, "Description": picture.description})
        paths.append(path)
    return paths
