from __future__ import annotations

import math
import os
import platform
import re
from pathlib import Path

_OPENMP = re.compile(r"/lib(?:gomp|iomp|omp)[^/]*\.(?:so|dylib)[^/]*$")


def describe_machine() -> dict[str, str | int]:
    """The processor, how many cores of it this process may use, the system, and Python."""
    return {
        "processor": processor_name(),
        "cores": usable_cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def processor_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """As the system calls it."""
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def usable_cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Cores that this process may use: fewer than the machine has under taskset, or in a container with a quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if quota.is_file():
        most, period = quota.read_text().split()
        if most != "max":
            cores = min(cores, max(1, math.ceil(int(most) / int(period))))
    return cores


def openmp_runtimes(maps: Path = Path("/proc/self/maps")) -> list[str] | None:
    """Files of the OpenMP runtimes that this process has loaded; None where the system doesn't tell."""
    if not maps.is_file():
        return None
    files = (line.split(maxsplit=5)[-1].strip() for line in maps.read_text(errors="replace").splitlines())
    return sorted({file for file in files if _OPENMP.search(file)})
