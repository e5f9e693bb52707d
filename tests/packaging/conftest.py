from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from cases.distributions import ROOT, Distribution


@pytest.fixture(scope="session")
def package_files() -> frozenset[str]:
    """What lies in src/recurra, as `recurra/...`, without what Python leaves there."""
    source = ROOT / "src"
    files = (path for path in (source / "recurra").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return frozenset(path.relative_to(source).as_posix() for path in files)


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory, package_files: frozenset[str]) -> Path:
    """A folder with the sdist, and the wheel built from it in an environment that has the build's needs alone."""
    assert package_files
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)]
    environment = {**os.environ, "PIP_CONSTRAINT": str(ROOT / "constraints.txt")}
    done = subprocess.run(build, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def sdist(distributions: Path) -> Distribution:
    (path,) = distributions.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = [member.name.split("/", 1)[1] for member in archive.getmembers() if member.isfile()]
    assert len(set(names)) == len(names)
    return Distribution(path, frozenset(names))


@pytest.fixture(scope="session")
def wheel(distributions: Path) -> Distribution:
    (path,) = distributions.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return Distribution(path, frozenset(archive.namelist()))


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory, wheel: Distribution) -> Path:
    """The folder of programs of a new environment that holds the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("clean")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    install = [
        programs / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--constraint",
        ROOT / "constraints.txt",
        wheel.path,
    ]
    done = subprocess.run(install, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return programs
