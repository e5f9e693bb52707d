from __future__ import annotations

import json
import subprocess
import sys

import pytest

from recurra import ops
from recurra.bench import examine
from recurra.bench._doctor import _missing
from recurra.bench._machine import openmp_runtimes, processor_name, usable_cores
from recurra.bench._problems import of_instruction_sets, of_lightning, of_openmp, of_threads


def test_the_diagnosis_is_that_of_this_machine():
    found = examine()
    document = json.loads(json.dumps(found.to_document()))
    assert document["instruction_set"] == ops.instruction_set()
    assert document["instruction_sets"] == list(ops.instruction_sets())
    assert document["threads"] == 1
    assert document["torch"].startswith("2.")
    assert all(feature in ops.cpu_features() for feature in found.processor_features)


def test_every_kind_of_layer_has_a_plan_with_a_reason():
    plans = {plan.layer: plan for plan in examine().plans}
    assert {name.split(",")[0] for name in plans} == {"RNN", "GRU", "LSTM", "linear cross-entropy"}
    assert all(plan.reason for plan in plans.values())
    assert plans["RNN, sigmoid"].kernel == "reference"


def test_without_torch_it_says_what_is_missing():
    program = (
        "import sys\n"
        "class NoTorch:\n"
        "    def find_spec(name, *rest):\n"
        "        if name.split('.')[0] == 'torch': raise ModuleNotFoundError(name, name=name)\n"
        "import importlib.util as util\n"
        "find_spec = util.find_spec\n"
        "util.find_spec = lambda name: None if name == 'torch' else find_spec(name)\n"
        "sys.meta_path.insert(0, NoTorch)\n"
        "from recurra.cli import main\n"
        "code = main(['doctor']); print(code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "0 False", done.stderr
    assert "pip install 'recurra[train]'" in done.stdout


def test_missing_extras_come_with_their_command():
    requirements = [
        "numpy>=2",
        'torch>=2.6; extra == "train"',
        'ml_dtypes>=1; extra == "train"',
        "onnx>=1; extra == 'bench'",
        'ruff; extra == "dev"',
    ]
    (bench,) = _missing(requirements, {"torch": "2.13.0", "ml-dtypes": "1"})
    assert (bench.extra, bench.lacks, bench.command) == ("bench", ("onnx",), "pip install 'recurra[bench]'")


def test_files_of_openmp_are_found_in_the_map_of_memory(tmp_path):
    maps = tmp_path / "maps"
    maps.write_text(
        "7f00-7f01 r-xp 00000000 fe:00 1 /a dir/libgomp-a34b3233.so.1.0.0\n"
        "7f01-7f02 rw-p 00000000 fe:00 1 /a dir/libgomp-a34b3233.so.1.0.0\n"
        "7f02-7f03 r-xp 00000000 fe:00 2 /b/libiomp5.so\n"
        "7f03-7f04 r-xp 00000000 fe:00 3 /b/libcompression.so\n"
        "7f04-7f05 rw-p 00000000 00:00 0\n"
    )
    runtimes = openmp_runtimes(maps)
    assert runtimes == ["/a dir/libgomp-a34b3233.so.1.0.0", "/b/libiomp5.so"]
    assert openmp_runtimes(tmp_path / "nowhere") is None


def test_a_quota_counts_as_cores(tmp_path):
    quota = tmp_path / "cpu.max"
    quota.write_text("max 100000\n")
    cores = usable_cores(quota)
    quota.write_text("100000 100000\n")
    assert (usable_cores(quota), cores >= 1) == (1, True)


def test_the_processor_has_the_name_that_the_system_gives(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Abacus 9: fast\n")
    assert processor_name(tmp_path / "cpuinfo") == "Abacus 9: fast"


@pytest.mark.parametrize(
    ("versions", "said"),
    [
        ({"lightning": "2.6.3"}, ["lightning 2.6.3 was tampered with"]),
        ({"pytorch-lightning": "2.6.2"}, ["pytorch-lightning 2.6.2 was tampered with"]),
        ({"lightning-fabric": "2.5.0"}, ["lightning-fabric 2.5.0 is older"]),
        ({"lightning-fabric": "2.6.6", "lightning": "2.6.1"}, []),
        ({}, []),
    ],
)
def test_bad_releases_of_lightning_are_found(versions, said):
    found = list(of_lightning(versions))
    assert len(found) == len(said)
    assert all(sentence.startswith(start) for sentence, start in zip(found, said, strict=True))


def test_two_openmp_runtimes_are_one_too_many():
    assert list(of_openmp(None)) == list(of_openmp([])) == list(of_openmp(["/a/libgomp.so"])) == []
    (said,) = of_openmp(["/a/libgomp.so", "/b/libiomp5.so"])
    assert said.startswith("2 OpenMP runtimes are loaded: /a/libgomp.so, /b/libiomp5.so.")


@pytest.mark.parametrize(
    ("threads", "asked", "said"),
    [
        (2, None, None),
        (None, None, None),
        (2, "2", None),
        (8, None, "torch runs 8 threads, but this process may use 2"),
        (8, "8", "OMP_NUM_THREADS=8, but this process may use 2"),
        (None, "8,2", "OMP_NUM_THREADS=8, but this process may use 2"),
        (1, "1", "OMP_NUM_THREADS=1 leaves 1 of 2 cores idle"),
        (2, "many", None),
    ],
)
def test_threads_are_held_against_cores(threads, asked, said):
    found = list(of_threads(threads, 2, {} if asked is None else {"OMP_NUM_THREADS": asked}))
    assert [sentence.startswith(str(said)) for sentence in found] == [True] * (said is not None)


@pytest.mark.parametrize(
    ("compiled", "used", "features", "said"),
    [
        (["avx2", "baseline"], "avx2", {"avx2": True}, None),
        (["avx2", "baseline"], "baseline", {"avx2": True}, "RECURRA_ISA=baseline makes the kernels use baseline"),
        (["baseline"], "baseline", {"avx2": True, "neon": False}, "This processor has avx2, but recurra was built"),
        (["baseline"], "baseline", {"avx2": False}, "This processor has neither"),
    ],
)
def test_a_slow_instruction_set_is_found(compiled, used, features, said):
    found = list(of_instruction_sets(features, compiled, used, {"RECURRA_ISA": used}))
    assert [sentence.startswith(str(said)) for sentence in found] == [True] * (said is not None)
