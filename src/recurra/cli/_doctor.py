from __future__ import annotations

from recurra.cli._output import PLAIN, Output, Screen


def doctor(*, output: Output = PLAIN) -> None:
    """Say what recurra finds on this machine, and what stands in its way."""
    from recurra.bench import examine

    screen = Screen(output)
    found = examine()
    rows: list[tuple[str, str]] = [
        ("recurra", f"{found.version}, Python {found.machine['python']}"),
        ("processor", f"{found.machine['processor']}, {found.machine['cores']} cores, {found.machine['system']}"),
        ("it has", ", ".join(found.processor_features) or "nothing that the kernels know"),
        ("kernels use", f"{found.instruction_set} (there are: {', '.join(found.instruction_sets)})"),
        ("torch", found.torch or "not installed, so there is no training. Run: pip install 'recurra[train]'"),
        ("threads", "as torch will say" if found.threads is None else str(found.threads)),
        ("OpenMP", "this system doesn't tell" if found.openmp is None else ", ".join(found.openmp) or "not loaded"),
    ]
    screen.table("This machine", ("", ""), rows)
    if found.plans:
        screen.say("")
        plans = [(plan.layer, plan.kernel, plan.reason) for plan in found.plans]
        screen.table("Which kernel computes a layer", ("layer", "kernel", "reason"), plans)
    if found.missing:
        screen.say("")
        missing = [(extra.extra, ", ".join(extra.lacks), extra.command) for extra in found.missing]
        screen.table("Not installed", ("extra", "lacks", "to get it"), missing)
    screen.say("")
    for problem in found.problems or ("No known problem.",):
        screen.say(problem, style="yellow" if found.problems else "bold")
    screen.document(found.to_document())
