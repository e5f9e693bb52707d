from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from recurra.bundle import _folder, check_destination, open_bundle, write_bundle
from recurra.errors import BundleError

NEW = {"weights": {"new": np.ones((300, 10), np.float32)}}


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_path_that_exists_is_refused(saved, parts, tmp_path):
    before = tree(tmp_path)
    with pytest.raises(BundleError, match=r"exists already.*--overwrite"):
        write_bundle(saved, **parts | NEW)
    assert tree(tmp_path) == before


def test_overwriting_replaces_the_whole_bundle(saved, parts, tmp_path):
    write_bundle(saved, **parts | NEW | {"arrays": {}}, overwrite=True)
    assert list(open_bundle(saved).weights()) == ["new"]
    assert os.listdir(tmp_path) == ["model"]
    assert not (saved / "calibration.safetensors").exists()


def test_overwriting_through_a_link_replaces_what_it_points_to(saved, parts, tmp_path):
    (tmp_path / "latest").symlink_to("model")
    write_bundle(tmp_path / "latest", **parts | NEW, overwrite=True)
    assert list(open_bundle(saved).weights()) == ["new"]
    assert (tmp_path / "latest").is_symlink()


def test_only_bundles_are_overwritten(parts, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "manifest.json").write_text('{"format": "A4", "task": "write", "files": {}}')
    (tmp_path / "notes.txt").write_text("mine")
    before = tree(tmp_path)
    for path in (tmp_path, tmp_path / "thesis", tmp_path / "notes.txt"):
        with pytest.raises(BundleError, match="isn't a recurra bundle"):
            write_bundle(path, **parts, overwrite=True)
    assert tree(tmp_path) == before


def test_a_bundle_that_holds_somebodys_notes_is_not_overwritten(saved, parts):
    (saved / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match=r"also holds notes\.txt"):
        write_bundle(saved, **parts, overwrite=True)
    assert (saved / "notes.txt").read_text() == "mine"


def test_parents_are_made(parts, tmp_path):
    write_bundle(tmp_path / "a" / "b", **parts)
    open_bundle(tmp_path / "a" / "b")


def test_a_destination_is_checked_without_touching_anything(saved, tmp_path):
    before = tree(tmp_path)
    assert check_destination(tmp_path / "new" / "model", overwrite=False) == (tmp_path / "new" / "model").resolve()
    assert check_destination(saved, overwrite=True) == saved.resolve()
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match="is a file, not a folder"):
        check_destination(tmp_path / "file" / "model", overwrite=False)
    (tmp_path / "file").unlink()
    assert tree(tmp_path) == before


def test_a_parent_without_permission_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(BundleError, match=f"no permission to write in {tmp_path}"):
        check_destination(tmp_path / "model", overwrite=False)


class Quota:
    """Stands for `os.write` on a disk with so many bytes left; the last write is short, as on a real one."""

    def __init__(self, left: int):
        self.left = left
        self.write = os.write

    def __call__(self, descriptor, content) -> int:
        if self.left == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self.write(descriptor, content[: self.left])
        self.left -= written
        return written


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("left", [0, 1, 200, 3000, 12_500])
def test_a_full_disk_leaves_everything_as_it_was(saved, parts, tmp_path, monkeypatch, left, overwrite):
    before = tree(tmp_path)
    monkeypatch.setattr(os, "write", Quota(left))
    with pytest.raises(BundleError, match="No space left on device"):
        write_bundle(saved if overwrite else tmp_path / "new", **parts | NEW, overwrite=overwrite)
    monkeypatch.undo()
    assert tree(tmp_path) == before
    assert os.listdir(tmp_path) == ["model"]
    write_bundle(saved, **parts | NEW, overwrite=True)


def test_short_writes_are_continued(parts, tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:7]))
    write_bundle(tmp_path / "model", **parts)
    open_bundle(tmp_path / "model")


@pytest.mark.parametrize("step", ["mkdir", "fsync", "rename"])
def test_a_disk_that_is_full_at_any_other_step(saved, parts, tmp_path, monkeypatch, step):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = tree(tmp_path)
    owner = os if step == "fsync" else Path
    monkeypatch.setattr(owner, step, full)
    with pytest.raises(BundleError, match="No space left on device"):
        write_bundle(tmp_path / "new", **parts)
    monkeypatch.undo()
    assert tree(tmp_path) == before


def test_ctrl_c_leaves_everything_as_it_was(saved, parts, tmp_path, monkeypatch):
    def stop(descriptor, content):
        raise KeyboardInterrupt

    before = tree(tmp_path)
    monkeypatch.setattr(os, "write", stop)
    with pytest.raises(KeyboardInterrupt):
        write_bundle(saved, **parts | NEW, overwrite=True)
    assert tree(tmp_path) == before


def test_without_an_atomic_exchange_the_old_bundle_comes_back(saved, parts, tmp_path, monkeypatch):
    monkeypatch.setattr(_folder, "_exchange", lambda one, other: False)
    before = tree(tmp_path)
    rename = Path.rename

    def fail_for_the_new_one(self, target):
        if self.name.endswith(".partial"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_the_new_one)
    with pytest.raises(BundleError, match="Input/output error"):
        write_bundle(saved, **parts | NEW, overwrite=True)
    assert tree(tmp_path) == before
    monkeypatch.setattr(Path, "rename", rename)
    write_bundle(saved, **parts | NEW, overwrite=True)
    assert list(open_bundle(saved).weights()) == ["new"]
    assert os.listdir(tmp_path) == ["model"]


def test_somebody_elses_bundle_that_appears_meanwhile_is_not_replaced(saved, parts, tmp_path, monkeypatch):
    def appear(path):
        shutil.copytree(saved, tmp_path / "new", dirs_exist_ok=True)

    monkeypatch.setattr(_folder, "sync_folder", appear)
    with pytest.raises(BundleError, match="couldn't be saved"):
        write_bundle(tmp_path / "new", **parts | NEW)
    assert open_bundle(tmp_path / "new").weights().keys() == parts["weights"].keys()
    assert sorted(os.listdir(tmp_path)) == ["model", "new"]


KILLED = """
import os, signal, sys
import numpy as np
from recurra.bundle import write_bundle

calls = int(sys.argv[2])

def count(event, args):
    # Audit events are raised before the system call: the process dies between any two of them.
    global calls
    if event in ("os.mkdir", "open", "os.rename", "shutil.rmtree", "os.remove", "os.rmdir", "ctypes.dlopen"):
        calls -= 1
        if calls == 0:
            os.kill(os.getpid(), signal.SIGKILL)

parts = dict(task="t", config={}, network={}, inputs={}, data_digest="", documents={"a.json": "{}"})
write_bundle(sys.argv[1], weights={"old": np.zeros(3)}, **parts)
print("old is saved", flush=True)
sys.addaudithook(count)
write_bundle(sys.argv[1], weights={"new": np.ones(3)}, overwrite=True, **parts)
"""


@pytest.mark.slow
def test_killed_at_any_moment_a_whole_bundle_stands_there(tmp_path):
    seen = []
    for calls in range(1, 40):
        folder = tmp_path / str(calls) / "model"
        done = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(calls)], capture_output=True, text=True)
        assert done.stdout == "old is saved\n", done.stderr
        seen.append(*open_bundle(folder).weights())
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert seen[0] == "old"
    assert seen[-1] == "new"
    assert seen == sorted(seen, reverse=True), "once the new one stands, the old one never returns"
    assert len(seen) > 8
