"""What is known to make recurra slow, or the machine unsafe, and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

BASELINE = "baseline"
# Releases that were tampered with to steal credentials as soon as they are imported.
_TAMPERED = {(2, 6, 2), (2, 6, 3)}
_LIGHTNING = ("lightning", "pytorch-lightning", "lightning-fabric")
_OLDEST_FABRIC = (2, 6, 6)


def of_lightning(versions: Mapping[str, str]) -> Iterator[str]:
    """Of installed distributions by name."""
    for name in _LIGHTNING:
        version = versions.get(name)
        if version is None:
            continue
        numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
        if numbers in _TAMPERED:
            yield (
                f"{name} {version} was tampered with to steal credentials (GHSA-w37p-236h-pfx3). Run: pip uninstall "
                f"{name}. Then replace every password, token and key that this account can read."
            )
        elif name == "lightning-fabric" and numbers < _OLDEST_FABRIC:
            yield f"{name} {version} is older than recurra trains with. Run: pip install -U 'lightning-fabric>=2.6.6'"


def of_openmp(runtimes: Sequence[str] | None) -> Iterator[str]:
    """Of the OpenMP runtimes in this process."""
    if runtimes and len(runtimes) > 1:
        yield (
            f"{len(runtimes)} OpenMP runtimes are loaded: {', '.join(runtimes)}. Their threads fight for the cores. "
            "Install torch and recurra from wheels, not one of them from conda."
        )


def of_threads(threads: int | None, cores: int, environment: Mapping[str, str]) -> Iterator[str]:
    """Of the number of threads that torch and the kernels use, None without torch."""
    asked = environment.get("OMP_NUM_THREADS", "").split(",")[0]
    count = int(asked) if asked.isdigit() else threads
    cause = f"OMP_NUM_THREADS={asked}" if asked.isdigit() else f"torch runs {threads} threads"
    if count is not None and count > cores:
        yield (
            f"{cause}, but this process may use {cores} of the machine's cores. Threads wait for each other. "
            f"Run: export OMP_NUM_THREADS={cores}"
        )
    elif asked.isdigit() and int(asked) < cores:
        yield f"{cause} leaves {cores - int(asked)} of {cores} cores idle. If that isn't meant: unset OMP_NUM_THREADS"


def of_instruction_sets(
    features: Mapping[str, bool], compiled: Sequence[str], used: str, environment: Mapping[str, str]
) -> Iterator[str]:
    """Of what the processor has, what the kernels are compiled for, and what they use."""
    if used != compiled[0]:
        yield (
            f"RECURRA_ISA={environment.get('RECURRA_ISA', used)} makes the kernels use {used}, though {compiled[0]} is "
            "there and faster. Run: unset RECURRA_ISA"
        )
    elif used == BASELINE:
        wider = [name for name in ("avx2", "avx512f", "neon") if features.get(name)]
        yield (
            f"This processor has {', '.join(wider)}, but recurra was built without. Install recurra's wheel, or build "
            "it with a newer compiler."
            if wider
            else "This processor has neither AVX2 nor NEON, so the kernels run at a fraction of a newer one's speed."
        )
