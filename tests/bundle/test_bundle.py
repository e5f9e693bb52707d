from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import recurra
from recurra.bundle import FORMAT, open_bundle, write_bundle
from recurra.errors import BundleError

NAMES = [
    "calibration.safetensors",
    "manifest.json",
    "preprocessing.json",
    "report.html",
    "scores.json",
    "weights.safetensors",
]


def test_what_is_saved_is_read_back(saved, parts):
    bundle = open_bundle(saved)
    assert sorted(os.listdir(saved)) == NAMES
    assert bundle.manifest.format == 1 < FORMAT
    for part in ("task", "config", "network", "inputs", "data_digest"):
        assert getattr(bundle.manifest, part) == parts[part]
    weights = bundle.weights()
    assert weights.keys() == parts["weights"].keys()
    for name, array in parts["weights"].items():
        assert weights[name].dtype == array.dtype
        np.testing.assert_array_equal(weights[name], array)
    np.testing.assert_array_equal(bundle.arrays("calibration.safetensors")["width"], np.ones((2, 1)))
    assert bundle.document("scores.json") == {"mae": 0.1}
    assert bundle.read("report.html").decode() == "<p>PM2.5 é</p>"
    assert bundle.manifest.versions["recurra"] == recurra.__version__
    assert bundle.manifest.versions["python"] == platform.python_version()


def test_saving_twice_gives_the_same_bytes(saved, parts, tmp_path):
    write_bundle(tmp_path / "again", **parts)
    for name in NAMES:
        assert (saved / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_arrays_that_are_not_contiguous_are_saved_as_they_read(parts, tmp_path):
    turned = np.arange(6, dtype=np.float32).reshape(2, 3).T
    write_bundle(tmp_path / "model", **parts | {"weights": {"w": turned}})
    np.testing.assert_array_equal(open_bundle(tmp_path / "model").weights()["w"], turned)


def test_a_bundle_that_was_read_does_not_change(saved, parts):
    bundle = open_bundle(saved)
    write_bundle(saved, **parts | {"weights": {"other": np.ones(1)}}, overwrite=True)
    assert bundle.weights().keys() == parts["weights"].keys()
    shutil.rmtree(saved)
    assert bundle.weights().keys() == parts["weights"].keys()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_flipped_bit_anywhere_is_refused(saved, data):
    name = data.draw(st.sampled_from(NAMES))
    whole = (saved / name).read_bytes()
    place, bit = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 7))
    flipped = bytearray(whole)
    flipped[place] ^= 1 << bit
    (saved / name).write_bytes(flipped)
    with pytest.raises(BundleError) as caught:
        open_bundle(saved)
    (saved / name).write_bytes(whole)
    assert str(saved) in str(caught.value)
    if name != "manifest.json":
        assert str(saved / name) in str(caught.value)
    open_bundle(saved)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", [lambda raw: raw[:-1], lambda raw: raw + b" ", lambda raw: b""])
def test_a_shortened_or_lengthened_file_is_refused(saved, name, change):
    (saved / name).write_bytes(change((saved / name).read_bytes()))
    with pytest.raises(BundleError, match=name):
        open_bundle(saved)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named(saved, name):
    (saved / name).unlink()
    with pytest.raises(BundleError, match=name):
        open_bundle(saved)


def test_a_file_that_was_added_is_named(saved):
    (saved / "weights.pkl").write_bytes(b"")
    with pytest.raises(BundleError, match=r"weights\.pkl isn't part of the bundle"):
        open_bundle(saved)


def test_a_link_instead_of_a_file_is_refused(saved, tmp_path):
    (saved / "report.html").rename(tmp_path / "report.html")
    (saved / "report.html").symlink_to(tmp_path / "report.html")
    with pytest.raises(BundleError, match=r"report\.html isn't a plain file"):
        open_bundle(saved)


def test_what_is_no_bundle_is_said_to_be_none(tmp_path):
    with pytest.raises(BundleError, match="no such bundle"):
        open_bundle(tmp_path / "nowhere")
    with pytest.raises(BundleError, match=r"holds no manifest\.json"):
        open_bundle(tmp_path)
    (tmp_path / "file.csv").write_text("a,b\n")
    with pytest.raises(BundleError, match=r"isn't a recurra bundle"):
        open_bundle(tmp_path / "file.csv")
    (tmp_path / "manifest.json").write_text('{"name": "a web page"}')
    with pytest.raises(BundleError, match=r"isn't the manifest of a recurra bundle"):
        open_bundle(tmp_path)


def resign(folder: Path, **changes) -> None:
    """Change the manifest and give it the checksum it then needs, as a newer program or a forger would."""
    import hashlib

    document = json.loads((folder / "manifest.json").read_text()) | changes
    raw = json.dumps(document | {"checksum": "0" * 64}).encode()
    head, _, tail = raw.rpartition(b"0" * 64)
    (folder / "manifest.json").write_bytes(head + hashlib.sha256(raw).hexdigest().encode() + tail)


@pytest.mark.parametrize("whole", [True, False], ids=["as a newer program writes it", "edited by hand"])
def test_a_newer_format_says_to_upgrade(saved, whole):
    if whole:
        resign(saved, format=3, something_new=[1])
    else:
        raw = (saved / "manifest.json").read_text()
        (saved / "manifest.json").write_text(raw.replace('"format": 1', '"format": 3'))
    with pytest.raises(BundleError, match=r"newer recurra \(format 3, this program reads up to 2\): upgrade"):
        open_bundle(saved)


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "/etc/passwd",
        "a/b",
        "..",
        ".hidden",
        "a\\b",
        "",
        "manifest.json",
        "Manifest.JSON",
        "a\n",
        "a.",
        "C:x",
    ],
)
def test_names_that_leave_the_folder_are_refused(saved, parts, tmp_path, name):
    (tmp_path / "outside").write_bytes(b"")
    files = json.loads((saved / "manifest.json").read_text())["files"]
    resign(saved, files=files | {name: "0" * 64})
    with pytest.raises(BundleError, match=r"manifest\.json: files"):
        open_bundle(saved)
    with pytest.raises(ValueError, match=r"is not a plain file name|is the manifest itself"):
        write_bundle(tmp_path / "new", **parts | {"documents": {name: "x"}})
    assert not (tmp_path / "new").exists()


def test_a_forged_manifest_is_still_checked_for_its_fields(saved):
    resign(saved, task=3)
    with pytest.raises(BundleError, match=r"manifest\.json: task"):
        open_bundle(saved)


def test_a_manifest_nested_without_end_is_refused(saved):
    (saved / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(BundleError, match=r"manifest\.json is damaged"):
        open_bundle(saved)


def test_weights_that_are_no_safetensors_are_refused(saved, parts, tmp_path):
    write_bundle(
        tmp_path / "odd",
        **parts | {"arrays": {}, "documents": {"calibration.safetensors": b"\xff" * 64, "a.json": "{"}},
    )
    bundle = open_bundle(tmp_path / "odd")
    with pytest.raises(BundleError, match=r"calibration\.safetensors is damaged"):
        bundle.arrays("calibration.safetensors")
    with pytest.raises(BundleError, match=r"a\.json is damaged"):
        bundle.document("a.json")
    with pytest.raises(BundleError, match=r"holds no b\.json, only a\.json"):
        bundle.read("b.json")


def test_reading_and_writing_need_no_torch(tmp_path, saved):
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy; from recurra.bundle import open_bundle, write_bundle\n"
        f"bundle = open_bundle({str(saved)!r})\n"
        f"write_bundle({str(tmp_path / 'copy')!r}, task='t', config={{}}, network={{}}, inputs={{}}, data_digest='', "
        "weights=bundle.weights(), documents={})\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert open_bundle(tmp_path / "copy").weights().keys() == open_bundle(saved).weights().keys()
