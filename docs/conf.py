"""How the documentation is built; `make docs` turns every warning into an error."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from docutils import nodes
from pydantic.fields import FieldInfo
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = PROJECT["name"]
version = release = PROJECT["version"]
copyright = "The recurra maintainers, Apache-2.0"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["width.css"]
html_title = f"recurra {version}"
myst_heading_anchors = 3
myst_enable_extensions = ["html_image"]
smartquotes = False  # --memory is no dash
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # types of numpy and torch have their pages elsewhere
default_role = "code"  # in docstrings as in Markdown: single backticks mean code
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_type_aliases = {"ArrayLike": "ArrayLike"}


class CommandLine(SphinxDirective):
    """The help text of every command, as the program prints it now: one section a command."""

    def run(self) -> list[nodes.Node]:
        from recurra.cli._app import COMMANDS

        self.env.note_reread()
        commands: list[list[str]] = [[]]
        for verb, entry in COMMANDS.items():
            commands += [[verb, task] for task in entry] if isinstance(entry, dict) else [[verb]]
        return [self.section(command) for command in commands]

    def section(self, command: list[str]) -> nodes.section:
        name = " ".join(["recurra", *command])
        section = nodes.section(ids=[nodes.make_id(name)], names=[name])
        section += nodes.title(text=name)
        section += nodes.literal_block(text=printed_help(command), language="text")
        return section


class Options(SphinxDirective):
    """The fields of a config, such as `recurra.tasks.forecast:ForecastConfig`: name, default, description."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        module, _, name = self.arguments[0].partition(":")
        fields = getattr(importlib.import_module(module), name).model_fields
        return [nodes.definition_list("", *[self.item(name, field) for name, field in fields.items()])]

    def item(self, name: str, field: FieldInfo) -> nodes.definition_list_item:
        default = f" = {field.default!r}"
        term = nodes.term("", "", nodes.literal(text=name), nodes.inline(text=default))
        return nodes.definition_list_item("", term, nodes.definition("", nodes.paragraph(text=field.description or "")))


def printed_help(command: list[str]) -> str:
    """What `recurra COMMAND --help` prints on a terminal of 96 columns."""
    return subprocess.run(
        [sys.executable, "-m", "recurra.cli", *command, "--help"],
        check=True,
        capture_output=True,
        text=True,
        env={"COLUMNS": "96", "PYTHONIOENCODING": "utf-8"},
    ).stdout


def keep_drawings(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Show what a docstring indents (equations, trees) as it is drawn, as an editor does."""
    indented = False
    shown: list[str] = []
    for line in lines:
        starts = line.startswith("    ") and not indented and (not shown or not shown[-1])
        if starts:
            shown += ["::", ""]
        indented = bool(starts or (indented and (not line or line.startswith("    "))))
        shown.append(line)
    lines[:] = shown


def shorten_signature(app: Sphinx, what: str, name: str, obj: object, *rest: object) -> tuple[str, str] | None:
    """An estimator's forty keywords are listed as options, one below the other."""
    return ("(**options)", "") if what == "class" and hasattr(obj, "config_class") else None


def show_readme(app: Sphinx, page: str, source: list[str]) -> None:
    """Getting started is the README, without its title and with its links as seen from docs/."""

    def seen_from_here(link: re.Match[str]) -> str:
        target = os.path.relpath(ROOT / link[2], DOCS).replace(os.sep, "/")
        is_file = target.startswith("../") and target.endswith(".md")  # to read as it is, for it is no page of these
        return link[1] + ("path:" if is_file else "") + target + link[3]

    if page == "getting_started":
        app.env.note_dependency(str(ROOT / "README.md"))
        body = (ROOT / "README.md").read_text(encoding="utf-8").split("\n", 1)[1]
        links = r"""(\]\(|src=")(?!#|\w+:)([^)"#]+)([)"#])"""
        source[0] = "# Getting started\n" + re.sub(links, seen_from_here, body)


def setup(app: Sphinx) -> None:
    """Add what the pages use; refuse a page of equations that leaves a file of equations out."""
    app.add_directive("command-line", CommandLine)
    app.add_directive("options", Options)
    app.connect("autodoc-process-signature", shorten_signature)
    app.connect("autodoc-process-docstring", keep_drawings)
    app.connect("source-read", show_readme)
    page = (DOCS / "equations.md").read_text(encoding="utf-8")
    left_out = [file.name for file in (ROOT / "src/recurra/reference").glob("_[!_]*.py") if file.name not in page]
    if left_out:
        raise ValueError(f"docs/equations.md shows the files of recurra.reference, but not {', '.join(left_out)}.")
