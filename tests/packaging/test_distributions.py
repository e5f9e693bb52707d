from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from cases.distributions import PROJECT, ROOT, Distribution

pytestmark = pytest.mark.packaging

# What may lie in the package: code, what type checkers read, the carried series, pages.
PACKAGE = re.compile(
    r"recurra/(?:\w+/)*(?:"
    r"\w+\.py|_core\.pyi|py\.typed|data/series/(?:\w+\.csv|SOURCES\.md)|(?:bench|evaluate)/_\w+\.html\.j2"
    r"|serve/page/(?:\w+/)?(?:[\w-]+\.(?:js|css|html|svg)|LICENSE-\w+|VENDORED\.md)"
    r")"
)
# Libraries of the system and of the compiler, which every program in C++ has: neither torch's nor one of OpenMP.
LIBRARIES = re.compile(r"(?:libstdc\+\+|libgcc_s|lib(?:c|m|dl|pthread)|ld-linux-[\w-]+|libc\+\+|libSystem\.B)\.[\w.]+")
SDIST = {"CHANGELOG.md", "CMakeLists.txt", "LICENSE", "PKG-INFO", "README.md", "constraints.txt", "pyproject.toml"}


def test_only_what_belongs_lies_in_the_package(package_files: frozenset[str]):
    assert [name for name in sorted(package_files) if not PACKAGE.fullmatch(name)] == []


def test_the_sdist_is_the_package_its_native_code_and_seven_files(sdist: Distribution, package_files: frozenset[str]):
    native = {name for name in sdist.names if name.startswith("csrc/")}
    assert sdist.names - native == SDIST | {f"src/{name}" for name in package_files}
    on_disk = [file for room in ("core", "binding") for file in (ROOT / "csrc" / room).glob("*.[ch]pp")]
    assert native == {file.relative_to(ROOT).as_posix() for file in on_disk}
    assert "csrc/binding/module.cpp" in native


def test_the_wheel_is_the_package_its_module_and_its_metadata(wheel: Distribution, package_files: frozenset[str]):
    metadata = {name for name in wheel.names if name.startswith("recurra-")}
    (module,) = wheel.names - package_files - metadata
    assert re.fullmatch(r"recurra/_core\.[\w.-]+\.(?:so|pyd)", module)
    assert package_files <= wheel.names
    assert {name.split("/", 1)[1] for name in metadata} == {
        "METADATA",
        "RECORD",
        "WHEEL",
        "entry_points.txt",
        "licenses/LICENSE",
    }


def test_the_wheel_says_whom_it_serves(wheel: Distribution):
    minor = sys.version_info.minor
    python = f"cp3{minor}-cp3{minor}" if minor < 12 else "cp312-abi3"
    assert f"-{python}-" in wheel.path.name
    assert wheel.path.stat().st_size < 2_000_000


def test_metadata_is_what_pyproject_says(wheel: Distribution, sdist: Distribution):
    text = wheel.text(f"recurra-{PROJECT['version']}.dist-info/METADATA")
    metadata = message_from_string(text)
    assert metadata["Version"] == PROJECT["version"]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    needed = [need for need in metadata.get_all("Requires-Dist", []) if "extra ==" not in need]
    assert sorted(re.split(r"[<>=!~ ;]", need)[0] for need in needed) == [
        "cyclopts",
        "numpy",
        "pydantic",
        "rich",
        "safetensors",
    ]
    assert message_from_string(sdist.text("PKG-INFO")).items() == metadata.items()


def test_the_licence_is_the_apache_licence(wheel: Distribution):
    assert "Apache License" in wheel.text(f"recurra-{PROJECT['version']}.dist-info/licenses/LICENSE")


def test_one_wheel_serves_any_torch(wheel: Distribution, tmp_path: Path):
    (module,) = (name for name in wheel.names if name.endswith((".so", ".pyd")))
    with zipfile.ZipFile(wheel.path) as archive:
        path = archive.extract(module, tmp_path)
    if sys.platform == "darwin":
        listed = subprocess.check_output(["otool", "-L", path], text=True)
        needed = re.findall(r"([^/\s]+) \(compatibility", listed)
    else:
        listed = subprocess.check_output(["readelf", "--dynamic", "--wide", path], text=True)
        needed = re.findall(r"\(NEEDED\) .*\[(.+)\]", listed)
    assert needed
    assert [name for name in needed if not LIBRARIES.fullmatch(name)] == []
    # What is looked for among the libraries of the process is named nowhere, or loading would depend on it.
    symbols = subprocess.check_output(["nm", "-u"] + ["-D"] * (sys.platform != "darwin") + [path], text=True)
    assert len(symbols.splitlines()) > 50
    assert re.findall(r"\b_?(?:GOMP|omp|kmpc|__kmpc)_\w+|\b\w*(?:2at|3c10|5torch)\w*", symbols) == []


def test_wheels_are_built_for_each_python_and_tried():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["cibuildwheel"]
    (program,) = re.findall(r"\{project\}/(\S+)", settings["test-command"])
    assert (ROOT / program).is_file()
    assert settings["build"] == "cp3{11,12,13,14}-*"
