"""What `import recurra` promises; a change here is a change for every user."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import recurra

NAMES = [
    "Classifier",
    "Forecaster",
    "Generator",
    "RecurraError",
    "Tagger",
    "__version__",
    "accelerate",
    "blocks",
    "bundle",
    "data",
    "decelerate",
    "errors",
    "evaluate",
    "export",
    "load",
    "nn",
    "ops",
    "recipes",
    "reference",
    "runtime",
    "shapes",
    "tasks",
    "train",
]
LAZY_ROOMS = [
    "recurra",
    "recurra.bench",
    "recurra.data",
    "recurra.export",
    "recurra.ops",
    "recurra.serve",
    "recurra.tasks",
    "recurra.train",
]


def run_python(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout


def test_the_public_names_are_these():
    assert sorted(recurra.__all__) == NAMES
    assert len(NAMES) <= 40
    assert set(NAMES) <= set(dir(recurra))


@pytest.mark.parametrize("room", LAZY_ROOMS)
def test_every_listed_name_is_there(room):
    module = sys.modules.get(room) or __import__(room, fromlist=["x"])
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="no_such_name"):
        module.no_such_name  # noqa: B018


@pytest.mark.parametrize("room", LAZY_ROOMS)
def test_a_lazy_room_tells_type_checkers_the_same_names(room):
    import ast

    module = __import__(room, fromlist=["x"])
    tree = ast.parse(Path(module.__file__).read_text())
    told = {
        alias.name
        for node in tree.body
        if isinstance(node, ast.If)
        for statement in node.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert told == set(module.__all__)


def test_importing_recurra_loads_nothing_heavy():
    program = (
        "import sys, recurra; print(sorted({'torch', 'numpy', 'polars', 'pydantic', 'sklearn'} & sys.modules.keys()))"
    )
    assert run_python(program) == "[]\n"


def test_a_missing_library_says_how_to_install_it():
    program = (
        "import sys\n"
        "class NoTorch:\n"
        "    def find_spec(name, *rest):\n"
        "        if name.split('.')[0] == 'torch': raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, NoTorch)\n"
        "import recurra\n"
        "try: recurra.Forecaster\n"
        "except recurra.RecurraError as error: print(type(error).__name__, error)\n"
    )
    assert "MissingExtraError" in (said := run_python(program))
    assert "pip install 'recurra[train]'" in said


def test_the_version_is_the_one_that_is_packaged():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project.get("version", recurra.__version__) == recurra.__version__
